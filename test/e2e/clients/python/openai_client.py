"""The published openai package against a running aictl-server.

Models, a plain answer, a streamed one, typed errors and a tool round. Prints
one line a check; any failure ends the process with a traceback and exit 1.
Reads AICTL_BASE_URL (…/v1), AICTL_API_KEY, AICTL_MODEL, AICTL_TOOL_MODEL.
"""

import asyncio
import json
import os

import openai

BASE = os.environ["AICTL_BASE_URL"]
KEY = os.environ["AICTL_API_KEY"]
MODEL = os.environ["AICTL_MODEL"]
TOOL_MODEL = os.environ["AICTL_TOOL_MODEL"]
QUESTION = [{"role": "user", "content": "what is running?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather at a place.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]

client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=30)


def passed(what):
    print("ok", what, flush=True)


assert MODEL in [m.id for m in client.models.list()]
passed("models.list")

answer = client.chat.completions.create(model=MODEL, messages=QUESTION)
assert answer.choices[0].finish_reason == "stop", answer
assert answer.choices[0].message.content, answer
assert answer.usage.total_tokens > 0, answer
passed("chat.completions plain")

pieces, finish = [], None
for chunk in client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True):
    if chunk.choices:
        pieces.append(chunk.choices[0].delta.content or "")
        finish = chunk.choices[0].finish_reason or finish
assert "".join(pieces), "an empty stream"
assert finish == "stop", finish
passed("chat.completions streaming")

try:
    client.chat.completions.create(model="no-such-model", messages=QUESTION)
    raise SystemExit("an unknown model was answered")
except openai.NotFoundError as err:
    assert "no-such-model" in str(err), err
passed("unknown model is NotFoundError")

try:
    openai.OpenAI(base_url=BASE, api_key="aictl_not-a-token", max_retries=0).models.list()
    raise SystemExit("a wrong key was accepted")
except openai.AuthenticationError:
    passed("wrong key is AuthenticationError")

messages = [{"role": "user", "content": "What is the weather in Bern?"}]
first = client.chat.completions.create(model=TOOL_MODEL, messages=messages, tools=TOOLS)
assert first.choices[0].finish_reason == "tool_calls", first
call = first.choices[0].message.tool_calls[0]
assert call.function.name == "get_weather", call
assert json.loads(call.function.arguments) == {"city": "Bern"}, call
messages += [
    first.choices[0].message,
    {"role": "tool", "tool_call_id": call.id, "content": '{"sky":"clear"}'},
]
second = client.chat.completions.create(model=TOOL_MODEL, messages=messages, tools=TOOLS)
assert "clear" in second.choices[0].message.content, second
passed("tools")


async def many():
    """Twenty answers at once through the asynchronous client."""
    async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0) as asynchronous:
        answers = await asyncio.gather(
            *(asynchronous.chat.completions.create(model=MODEL, messages=QUESTION) for _ in range(20))
        )
    assert all(a.choices[0].message.content for a in answers)


asyncio.run(many())
passed("asynchronous client")
