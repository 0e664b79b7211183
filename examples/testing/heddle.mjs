// A Heddle for tests, in memory, at a port of its own. HEDDLE names the binary; by default it is
// "heddle" in the PATH.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// startHeddle gives what clients of the AWS SDK are made of, and stop, to be called in the end.
export async function startHeddle(...flags) {
  const args = ["serve", "--dev", "--listen", "0", "--time-skip", ...flags];
  const server = spawn(process.env.HEDDLE ?? "heddle", args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => server.once("exit", resolve).once("error", resolve));
  const stop = () => (server.kill(), ended);
  for await (const line of createInterface({ input: server.stdout })) {
    // It comes when the server takes requests.
    const { url: endpoint, region } = JSON.parse(line);
    server.stdout.resume();
    return { config: { endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } }, stop };
  }
  throw new Error("heddle did not start; it has said why above");
}
