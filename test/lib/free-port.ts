import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Below the ports that Linux gives to connections (net.ipv4.ip_local_port_range, from 32768 on): tests open hundreds of
 * these, and one of them could have the port before the program that it is for.
 */
const [lowest, highest] = [10_240, 29_999];

/** A TCP port of loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
	for (;;) {
		const port = randomInt(lowest, highest + 1);
		if (await isFree(port)) return port;
	}
}

async function isFree(port: number): Promise<boolean> {
	return await new Promise((resolve) => {
		const server = createServer().once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}
