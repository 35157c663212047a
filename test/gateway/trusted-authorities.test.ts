import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout, trustedAuthoritiesKey } from "../../src/gateway/layout.ts";
import { issue } from "../lib/issued-certificates.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { peers, World } from "./lib/world.ts";

/** The peer's certificate is by an authority that the system of the node has; another one is known to nobody. */
describe("a peer's certificate is verified, in both directions,", () => {
	let world: World;
	let system: string;
	let other: string;
	const node = () => world.node("gw-1");

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		system = await readFile(node().machine.path("/etc/ssl/certs/test.pem"), "utf8");
		other = (await issue({ subject: "CN=Another authority", ca: true })).certificate;
		await world.startNodes();
	});

	afterAll(async () => {
		await world?.[Symbol.asyncDispose]();
	});

	/** Lets the node trust these authorities, and gives what it says of the peer's certificate on each stream. */
	async function streams(trusted: string | undefined, systemRoots: boolean): Promise<Record<string, string>> {
		const { certificate, dialback, link } = node().intent.secrets;
		const secrets = { certificate, dialback, link, ...(trusted !== undefined && { trustedCAs: "digest" }) };
		const { systemRoots: _before, ...intent } = node().intent;
		node().intent = { ...intent, secrets, ...(!systemRoots && { systemRoots: false }) };
		if (trusted !== undefined) {
			await node().machine.write(`${podLayout.trustedDirectory}/${trustedAuthoritiesKey}`, trusted);
		}
		const before = node().program("federation");
		before.kill("SIGKILL");
		await before.exit;
		await node().startRole("federation", world.secrets);
		await node().waitUntilReady();
		await using alice = await world.internalUser("alice");
		await using bob = await world.peerUser("prosody", "bob");
		await waitFor("messages both ways", async () => {
			await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "out"));
			await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "in"));
			return true;
		});
		const found = (await node().status("federation")).streams.filter(({ peer }) => peer === peers.prosody.domain);
		return Object.fromEntries(
			found.map(({ direction, certificate: seen, authentication }) => [direction, `${seen?.state}, ${authentication}`]),
		);
	}

	const verified = { incoming: "Valid, SASL EXTERNAL", outgoing: "Valid, SASL EXTERNAL" };
	const unknown = { incoming: "Untrusted, dialback in TLS", outgoing: "Untrusted, dialback in TLS" };

	test("with the authorities of the system where no others are given", async () => {
		expect(await streams(undefined, true)).toEqual(verified);
	});
	test("with those that are given beside them", async () => {
		expect(await streams(other, true)).toEqual(verified);
	});
	test("with those that are given alone", async () => {
		expect(await streams(other, false)).toEqual(unknown);
	});
	test("with one of several that are given", async () => {
		expect(await streams(`${other}${system}`, false)).toEqual(verified);
	});
});
