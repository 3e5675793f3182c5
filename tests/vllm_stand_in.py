"""Stands in for the program `vllm`: the same command line and log, and the loopback stand-in."""

import argparse
import os
import sys
import time
from pathlib import Path

from tests.loopback import serve


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser("vllm")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--served-model-name")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--max-model-len", type=int)
    parser.add_argument("--enforce-eager", action="store_true")
    asked = parser.parse_args()
    print("INFO 11-27 22:00:00 [api_server.py:1] vLLM API server version 0.30.0", flush=True)
    if not Path(asked.model).is_dir():
        print("Traceback (most recent call last):", file=sys.stderr)
        print(f"OSError: {asked.model} is not a local folder.", file=sys.stderr)
        print("RuntimeError: Engine core initialization failed.", file=sys.stderr)
        sys.exit(1)
    if not (asked.enforce_eager and asked.max_model_len == 8192):
        sys.exit("vllm: error: the options of llms.yml did not come")
    served, key = asked.served_model_name, os.environ["VLLM_API_KEY"]
    with serve(key=key, port=asked.port, models=(served,)):
        time.sleep(3600)


if __name__ == "__main__":
    main()
