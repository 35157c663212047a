import { createHash, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Pem } from "./lib/certificates.ts";
import type { Stream } from "./lib/gateway-node.ts";
import { PlayedPeers } from "./lib/raw-peer.ts";
import { Traffic } from "./lib/traffic.ts";
import { local, World } from "./lib/world.ts";

const roles = ["router", "federation"] as const;
const fingerprint = ({ certificate }: Pem) => new X509Certificate(certificate).fingerprint256;

/** A certificate that is replaced while both processes run. Each test goes on from where the one before it ended. */
describe("the certificate of the federation", () => {
	let world: World;
	let alice: XmppClient;
	let bob: XmppClient;
	let played: PlayedPeers;
	let certificate: Pem;
	const node = () => world.node("gw-1");
	const renewed = async () => await world.authority.issue([local.domain, local.rooms]);

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const own = world.network.address(1);
		played = await PlayedPeers.listen(own);
		await world.publish(
			["first.lab", "second.lab", "third.lab"].flatMap((domain) => [
				`_xmpp-server._tcp.${domain}. SRV 0 0 5269 xmpp.${domain}.`,
				`xmpp.${domain}. A ${own}`,
			]),
		);
		certificate = await renewed();
		await node().mountCertificate(certificate);
		await world.startNodes();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "ready"));
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "ready"));
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		played?.[Symbol.dispose]();
		await world?.[Symbol.asyncDispose]();
	});

	/** What an incoming stream is shown, and an outgoing one that is opened for the domain. */
	async function shown(domain: string): Promise<readonly (string | undefined)[]> {
		using stream = await PlayedPeers.open(node().address, podLayout.federationPort, "peer.lab", local.domain);
		await alice.sendMessage(`somebody@${domain}`, "hello");
		const [outgoing] = await waitFor(`a stream to ${domain}`, () => played.streams.get(domain));
		return [stream.peerFingerprint, outgoing?.peerFingerprint];
	}

	async function inForce(wanted: Pem, failure?: RegExp): Promise<void> {
		const digest = createHash("sha256").update(wanted.certificate).digest("hex");
		for (const role of roles) {
			await waitFor(`the certificate to be in force at the ${role}`, async () => {
				const found = (await node().inForce(role)).certificate;
				const told = failure ? failure.test(found.failure ?? "") : found.failure === undefined;
				if (found.digest !== digest || !told) throw new Error(JSON.stringify(found));
				return true;
			});
		}
	}

	const establishedStreams = async () =>
		(await node().status("federation")).streams
			.filter(({ peer }) => peer === "prosody.lab")
			.map(({ direction, address, since, state }: Stream) => `${direction} ${address} ${since} ${state}`)
			.toSorted();

	test("is what peers are shown, on streams of both directions", async () => {
		await inForce(certificate);
		expect(await shown("first.lab")).toEqual([fingerprint(certificate), fingerprint(certificate)]);
	});

	test("is taken over when it is renewed: new streams have it, those that are up go on, nothing is lost", async () => {
		const traffic = [new Traffic(alice, bob, 50), new Traffic(bob, alice, 50)];
		const before = await establishedStreams();
		expect(before).toHaveLength(2);
		certificate = await renewed();
		await node().mountCertificate(certificate);
		await inForce(certificate);
		expect(await shown("second.lab")).toEqual([fingerprint(certificate), fingerprint(certificate)]);
		for (const each of traffic) {
			expect(await each.stop()).toMatchObject({ lost: 0, returned: 0, duplicated: 0, outOfOrder: 0 });
		}
		expect(await establishedStreams()).toEqual(before);
	});

	test.each([
		["has another's key", async () => ({ ...(await renewed()), key: certificate.key }), /key/],
		["is no PEM", async () => ({ ...certificate, certificate: "nothing" }), /cannot be used: ./],
	] as const)("that %s is not taken, and told once", async (_what, broken, why) => {
		const lines = roles.map((role) => node().program(role).lines.length);
		await node().mountCertificate(await broken());
		await inForce(certificate, why);
		using stream = await PlayedPeers.open(node().address, podLayout.federationPort, "peer.lab", local.domain);
		expect(stream.peerFingerprint).toBe(fingerprint(certificate));
		certificate = await renewed();
		await node().mountCertificate(certificate);
		await inForce(certificate);
		const told = roles.map((role, index) =>
			node()
				.program(role)
				.lines.slice(lines[index])
				.filter((line) => line.includes("cannot be used")),
		);
		expect(told.map(({ length }) => length)).toEqual([1, 1]);
	});

	test("is what peers are shown after that", async () => {
		expect(await shown("third.lab")).toEqual([fingerprint(certificate), fingerprint(certificate)]);
	});
});
