"""Several servers of one LLM, each at an address of its own, as replicas of vLLM have."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

from generators.asking.llms import LLM
from generators.asking.own_servers import shown_address
from generators.providers.openai_api import OpenAICompatible
from synthcare.errors import SynthcareError


@asynccontextmanager
async def open_fleet(llm: LLM) -> AsyncIterator[dict[str, OpenAICompatible]]:
    """A client of each of `base_urls`, by its address.

    Raises SynthcareError where an address is none, or where servers say that they serve different
    models. One that is down is no error: it may come later.
    """
    async with AsyncExitStack() as stack:
        fleet = {}
        for url in llm.base_urls:
            client = OpenAICompatible(replace(llm, base_url=url, base_urls=()))
            fleet[shown_address(url)] = await stack.enter_async_context(aclosing(client))
        said = await asyncio.gather(*(client.served_models() for client in fleet.values()))
        _check_models(llm, dict(zip(fleet, said, strict=True)))
        yield fleet


def _check_models(llm: LLM, served: Mapping[str, frozenset[str] | None]) -> None:
    """Raise SynthcareError unless all that say what they serve serve `llm.model`, or all the same.

    llama.cpp serves one file under a name of its own, whatever model it is asked for.
    """
    known = {url: models for url, models in served.items() if models}
    if len(set(known.values())) > 1 and not all(llm.model in models for models in known.values()):
        said = "; ".join(f"{url} {', '.join(sorted(models))}" for url, models in known.items())
        raise SynthcareError(
            f"The servers of '{llm.name}' serve different models: {said}. Name in base_urls of "
            f"llms.yml those that serve {llm.model}."
        )
