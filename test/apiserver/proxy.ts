import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { inject, onTestFinished } from "vitest";
import { temporaryKubeconfig } from "./support.ts";

export interface FaultyProxy {
	/** Kubeconfig that leads through the proxy. */
	readonly kubeconfig: string;
	/** From now on not a byte passes, and no connection ends: what a dropped network looks like from both sides. */
	freeze(): void;
	/** Bytes pass again on new connections. Those that were frozen stay dead. */
	thaw(): void;
	/** Resets every connection. New ones work. */
	cut(): void;
}

/** A TCP proxy in front of an API server, for faults that a healthy one does not have. Ends with the test. */
export async function startProxy(kubeconfig = inject("kubeconfig")): Promise<FaultyProxy> {
	const text = await readFile(kubeconfig, "utf8");
	const target = /https:\/\/127\.0\.0\.1:(\d+)/.exec(text);
	if (!target) throw new Error(`${kubeconfig} names no API server on loopback`);
	const sockets = new Set<Socket>();
	let frozen = false;

	const track = (socket: Socket) => {
		sockets.add(socket);
		socket.on("error", () => {}).on("close", () => sockets.delete(socket));
	};
	const server = createServer((client) => {
		track(client);
		if (frozen) {
			client.pause();
			return;
		}
		const upstream = connect(Number(target[1]), "127.0.0.1");
		track(upstream);
		client.pipe(upstream).pipe(client);
		client.on("close", () => upstream.destroy());
		upstream.on("close", () => client.destroy());
	});
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
	const { port } = server.address() as AddressInfo;
	const path = await temporaryKubeconfig(text.replaceAll(target[0], `https://127.0.0.1:${port}`));
	const cut = () => {
		for (const socket of sockets) socket.resetAndDestroy();
	};
	onTestFinished(() => {
		cut();
		server.close();
	});
	return {
		kubeconfig: path,
		freeze: () => {
			frozen = true;
			for (const socket of sockets) socket.unpipe().pause();
		},
		thaw: () => {
			frozen = false;
		},
		cut,
	};
}
