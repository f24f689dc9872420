"""The published MCP client lists and calls the tools, over stdio and HTTP."""
import asyncio
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def use(read, write, transport):
    async with ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        names = {t.name for t in tools}
        assert {"alerts_list", "logs_search", "why_ask", "handoff_show", "deploy_list"} <= names, sorted(names)
        assert all(t.annotations.readOnlyHint for t in tools), [t.name for t in tools if not t.annotations.readOnlyHint]
        assert not any(n.endswith("_apply") or n == "secrets_get" for n in names)
        answer = await session.call_tool("deploy_list", {})
        assert not answer.isError, answer
        assert "workloads" in answer.structuredContent, answer.structuredContent
        assert answer.content[0].text.startswith("What follows is data")
        wrong = await session.call_tool("alerts_list", {"nonsense": 1})
        assert wrong.isError
        print(transport, len(tools), "tools")


async def main():
    env = {k: v for k, v in os.environ.items()}
    async with stdio_client(StdioServerParameters(command=sys.argv[1], args=["mcp"], env=env)) as (read, write):
        await use(read, write, "stdio")
    headers = {"Authorization": "Bearer " + os.environ["AICTL_API_KEY"]}
    async with streamablehttp_client(os.environ["AICTL_BASE_URL"].removesuffix("/v1") + "/mcp", headers=headers) as (read, write, _):
        await use(read, write, "streamable HTTP")


asyncio.run(main())
