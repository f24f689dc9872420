// The published openai package against a running aictl-server: models, a plain
// answer, a streamed one, and a tool call that is answered. Prints one line a
// check; any failure ends the process with a stack trace and exit 1.
//
// AICTL_BASE_URL  http://host:port/v1     AICTL_API_KEY  a bearer token
// AICTL_MODEL     the built-in assistant  AICTL_TOOL_MODEL  a model with tools
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const { AICTL_BASE_URL, AICTL_API_KEY, AICTL_MODEL, AICTL_TOOL_MODEL } = process.env;
const client = new OpenAI({ baseURL: AICTL_BASE_URL, apiKey: AICTL_API_KEY, maxRetries: 0, timeout: 30_000 });
const passed = (what) => console.log(`ok ${what}`);

const ids = [];
for await (const model of await client.models.list()) {
  assert.equal(model.object, 'model');
  ids.push(model.id);
}
assert.ok(ids.includes(AICTL_MODEL), `${AICTL_MODEL} in ${ids}`);
passed('models.list');

const question = [{ role: 'user', content: 'what is running?' }];
const plain = await client.chat.completions.create({ model: AICTL_MODEL, messages: question });
assert.equal(plain.object, 'chat.completion');
assert.equal(plain.choices[0].message.role, 'assistant');
assert.equal(plain.choices[0].finish_reason, 'stop');
assert.ok(plain.choices[0].message.content.length > 0);
assert.ok(plain.usage.total_tokens >= plain.usage.prompt_tokens);
passed('chat.completions plain');

const stream = await client.chat.completions.create({
  model: AICTL_MODEL,
  messages: question,
  stream: true,
  stream_options: { include_usage: true },
});
let text = '';
let finish;
let usage;
for await (const chunk of stream) {
  assert.equal(chunk.object, 'chat.completion.chunk');
  text += chunk.choices[0]?.delta?.content ?? '';
  finish = chunk.choices[0]?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}
assert.ok(text.length > 0);
assert.equal(finish, 'stop');
assert.ok(usage.total_tokens > 0);
passed('chat.completions streaming');

await assert.rejects(
  client.chat.completions.create({ model: 'no-such-model', messages: question }),
  (err) => err instanceof OpenAI.NotFoundError && err.message.includes('no-such-model'),
);
passed('unknown model is NotFoundError');

const bad = new OpenAI({ baseURL: AICTL_BASE_URL, apiKey: 'aictl_not-a-token', maxRetries: 0 });
await assert.rejects(bad.models.list(), (err) => err instanceof OpenAI.AuthenticationError);
passed('wrong key is AuthenticationError');

const tools = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather at a place.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
        additionalProperties: false,
      },
    },
  },
];

// A tool call round: the model asks, this process answers, the model concludes.
for (const streaming of [false, true]) {
  const messages = [{ role: 'user', content: 'What is the weather in Bern?' }];
  const ask = { model: AICTL_TOOL_MODEL, messages, tools };
  const first = streaming
    ? await client.chat.completions.stream(ask).finalChatCompletion()
    : await client.chat.completions.create(ask);
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Bern' });

  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '{"sky":"clear"}' });
  const second = streaming
    ? await client.chat.completions.stream(ask).finalChatCompletion()
    : await client.chat.completions.create(ask);
  assert.equal(second.choices[0].finish_reason, 'stop');
  assert.ok(second.choices[0].message.content.includes('clear'), second.choices[0].message.content);
  passed(`tools ${streaming ? 'streaming' : 'plain'}`);
}

// A client that leaves: the server must keep answering others.
const controller = new AbortController();
const left = await client.chat.completions.create(
  { model: AICTL_MODEL, messages: question, stream: true },
  { signal: controller.signal },
);
for await (const _ of left) {
  controller.abort();
  break;
}
await client.models.list();
passed('abort');
