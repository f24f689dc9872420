// A service that is ready, and then takes more memory than it may.
import {appendFileSync} from "node:fs";
import {createServer} from "node:http";

createServer((_, answer) => answer.end("{}")).listen(process.env.AICTL_SOCKET, () => {
  console.log("loading the model");
  appendFileSync(process.env.DEEDS, `${BigInt(Date.now()) * 1_000_000n} grows\n`);
  globalThis.held = Buffer.alloc(400 << 20, 1);
});
