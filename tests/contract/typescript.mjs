// The official TypeScript SDK against the API: prints what it makes of each answer, one JSON object in all.

import { pathToFileURL } from 'node:url';

const [sdkPath, baseURL, apiKey, model, authHeader] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${sdkPath}/${name}`).href);
const { default: Anthropic } = await load('index.mjs');
const { betaTool } = await load('helpers/beta/json-schema.mjs');
const { jsonSchemaOutputFormat } = await load('helpers/json-schema.mjs');
const sdk = new Anthropic({ baseURL, maxRetries: 0, ...(authHeader === 'bearer' ? { authToken: apiKey } : { apiKey }) });

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const weather = { name: 'weather', description: 'Tells the weather.', input_schema: city };
const script = (reason, pieces) => [{ role: 'user', content: `answer ${reason} ${JSON.stringify(pieces)}` }];
const calls = script('tool_use', [
  ['thinking', 'Where is Ulm?'],
  ['text', 'Let me look.'],
  ['tool', 'toolu_1', 'weather'],
  ['input', '{"ci'],
  ['input', 'ty": "Ulm"}'],
]);
const hello = [{ role: 'user', content: 'Hello there' }];
const found = {};

const asked = { model, max_tokens: 50, messages: calls, tools: [weather], thinking: { type: 'adaptive' } };
found.whole = (({ id, parsed_output, ...message }) => message)(await sdk.messages.create(asked));

const stream = sdk.messages.stream(asked);
found.snapshots = [];
stream.on('inputJson', (_piece, snapshot) => found.snapshots.push(structuredClone(snapshot)));
found.streamed = (({ id, parsed_output, ...message }) => message)(await stream.finalMessage());

found.raw = [];
for await (const event of await sdk.messages.create({ model, max_tokens: 50, messages: hello, stream: true })) {
  found.raw.push(event.type);
}

found.ran = [];
const runner = sdk.beta.messages.toolRunner({
  model,
  max_tokens: 50,
  messages: calls,
  tools: [
    betaTool({
      name: 'weather',
      description: 'Tells the weather.',
      inputSchema: city,
      run: async ({ city }) => (found.ran.push(city), `Rain in ${city}.`),
    }),
  ],
});
found.done = (await runner.runUntilDone()).content;

const parsed = await sdk.messages.parse({
  model,
  max_tokens: 50,
  messages: script('end_turn', [['text', '{"city": "Ulm"}']]),
  output_config: { format: jsonSchemaOutputFormat(city) },
});
found.parsed = parsed.parsed_output;

found.counted = (await sdk.messages.countTokens({ model, messages: hello })).input_tokens;
found.models = [];
for await (const info of sdk.models.list()) found.models.push(info.id);
found.missing = await sdk.models.retrieve('gpt-9').catch((error) => [error.constructor.name, error.status]);
found.failed = await sdk.messages
  .create({ model, max_tokens: 5, messages: [{ role: 'user', content: 'fail overloaded_error' }] })
  .catch((error) => [error.constructor.name, error.status, Boolean(error.requestID)]);

console.log(JSON.stringify(found));
