"""Stands in for the program `vllm`: the same command line and log, and the loopback stand-in.

Like vLLM's, its engine is a process of its own, which it ends when it is asked to end itself.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.loopback import serve

_ENGINE = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600) # engine core"
_MOST_TOKENS = 8192


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
    parser.add_argument("--enable-prefix-caching", action=argparse.BooleanOptionalAction)
    parser.add_argument("--hf-overrides", type=json.loads)
    parser.add_argument("--disable-uvicorn-access-log", action="store_true")
    asked = parser.parse_args()
    print("INFO 11-27 22:00:00 [api_server.py:1] vLLM API server version 0.30.0", flush=True)
    print("WARNING 11-27 22:00:01 [env.py:9] ImportError: no such kernel", flush=True)
    if token := os.environ.get("HF_TOKEN"):
        said = f"ValueError: {token} and {os.environ['VLLM_API_KEY']} will not do\x1b]0;x\x07."
        sys.exit(f"(EngineCore pid=7) ERROR 11-27 22:00:02 [hub.py:3] {said}")
    if not Path(asked.model).is_dir():
        print("Traceback (most recent call last):", file=sys.stderr)
        print(f"OSError: {asked.model} is not a local folder.", file=sys.stderr)
        print("RuntimeError: Engine core initialization failed.", file=sys.stderr)
        sys.exit(1)
    if asked.max_model_len > _MOST_TOKENS:
        print("pydantic_core.ValidationError: 1 validation error for ModelConfig", file=sys.stderr)
        print(f"  Value error, it reads {_MOST_TOKENS} tokens [type=value_error]", file=sys.stderr)
        sys.exit(1)
    found = (asked.enforce_eager, asked.enable_prefix_caching, asked.hf_overrides, asked.host)
    if found != (True, False, {"a": 1}, "127.0.0.1"):
        sys.exit(f"error: the options of llms.yml did not come, but {found}")
    engine = subprocess.Popen([sys.executable, "-c", _ENGINE])

    def end(*_: object) -> None:
        if "STUBBORN" in os.environ:
            return
        engine.kill()
        sys.exit()

    signal.signal(signal.SIGTERM, end)
    served, key = asked.served_model_name, os.environ["VLLM_API_KEY"]
    with serve(key=key, port=asked.port, models=(served,)):
        time.sleep(3600)


if __name__ == "__main__":
    main()
