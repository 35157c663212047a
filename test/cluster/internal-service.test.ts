import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { RawStream } from "../gateway/lib/raw-stream.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";

const stage = useNamespace("internal-service");
const name = "outside";

/** This process is outside the pod network, a neighbour of the nodes: an internal server would stand here. */
test("an internal server outside the cluster finds the router by the resolver and reaches it", async () => {
	const { kubectl, namespace } = stage;
	const federation = standAlone(namespace, name, {
		internalService: { type: "LoadBalancer" },
		resolver: { enabled: true },
	});
	await apply(kubectl, federation);
	const { status } = await federationReady(kubectl, namespace, name);
	const address = (purpose: string) => status?.endpoints?.find((endpoint) => endpoint.for === purpose)?.host ?? "";
	const router = address("Internal");
	const dns = new Resolver({ timeout: 2_000, tries: 5 });
	dns.setServers([address("Resolver")]);

	// The resolver's pods follow when the load balancer has given the routers their address.
	const target = await until("the resolver to answer with the load balancer's address", async () => {
		const [record] = await dns.resolveSrv("_xmpp-server._tcp.remote.example").catch(() => []);
		const [found] = record ? await dns.resolve4(record.name).catch(() => []) : [];
		return found === router && record;
	});
	expect(target).toMatchObject({ port: 5269 });
	// A connection may meet a pod of before that is just going; who asks tries again.
	const records = await until("the resolver to answer over TCP", async () =>
		srvOverTcp(address("Resolver"), "_xmpp-server._tcp.remote.example").catch(() => undefined),
	);
	expect(records).toBe(1);

	using stream = await RawStream.connect(router, target.port);
	const from = federation.spec.domain;
	stream.send(
		"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " +
			`xmlns:stream='http://etherx.jabber.org/streams' from='${from}' to='remote.example' version='1.0'>`,
	);
	await stream.receive("from='remote.example'");
	await stream.receive("<stream:features");

	// kube-proxy enforces the ranges: this machine's address is in none of them.
	const { internalService, ...rest } = federation.spec;
	const sourceRanges = ["192.0.2.0/24"];
	await apply(kubectl, { ...federation, spec: { ...rest, internalService: { ...internalService, sourceRanges } } });
	await until("the router to be out of reach", async () => !(await isReached(router, target.port)));
	await until("the resolver to be out of reach", async () => !(await isReached(address("Resolver"), 53)));
});

async function isReached(host: string, port: number): Promise<boolean> {
	return await new Promise<boolean>((resolve) => {
		const socket = connect({ host, port, timeout: 2_000 });
		const end = (reached: boolean) => {
			socket.destroy();
			resolve(reached);
		};
		socket.once("connect", () => end(true));
		socket.once("timeout", () => end(false));
		socket.once("error", () => end(false));
	});
}

/** Asks for SRV records over TCP, which Node's resolver does for long answers only (RFC 1035 section 4.2.2). */
async function srvOverTcp(host: string, owner: string): Promise<number> {
	const labels = owner.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
	// Id 1, recursion desired, one question; type SRV (33), class IN.
	const header = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
	const question = Buffer.concat([header, ...labels, Buffer.from([0, 0, 33, 0, 1])]);
	return await new Promise<number>((resolve, reject) => {
		const socket = connect({ host, port: 53, timeout: 5_000 });
		let answer = Buffer.alloc(0);
		socket.once("connect", () => socket.write(Buffer.concat([Buffer.from([0, question.length]), question])));
		socket.once("timeout", () => socket.destroy(new Error(`no answer from ${host}:53 over TCP`)));
		socket.once("error", reject);
		socket.on("data", (part: Buffer) => {
			answer = Buffer.concat([answer, part]);
			if (answer.length < 2 || answer.length < 2 + answer.readUInt16BE(0)) return;
			resolve(answer.readUInt16BE(2 + 6));
			socket.destroy();
		});
	});
}
