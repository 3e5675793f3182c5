"""API keys: from the environment, and nowhere else."""

import os

from generators.errors import SynthcareError
from generators.llms import LLM


def api_key(llm: LLM) -> str:
    """The key of `llm`. Raises SynthcareError where its variable is not set."""
    key = os.environ.get(llm.api_key_env or "")
    if not key:
        raise SynthcareError(
            f"{llm.name} needs {llm.api_key_env}. Set it, or use --llm smollm2, which needs none."
        )
    return key
