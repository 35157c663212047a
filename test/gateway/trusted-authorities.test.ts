import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { liveAuthoritiesKey, podLayout, trustedAuthoritiesKey } from "../../src/gateway/layout.ts";
import { issue } from "../lib/issued-certificates.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Pem } from "./lib/certificates.ts";
import { PlayedPeers, startTls } from "./lib/raw-peer.ts";
import { local, peers, World } from "./lib/world.ts";

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

	describe("with the strategy Live by the authorities that are there at the time:", () => {
		let own: Pem;
		let certificate: Pem;
		let played: PlayedPeers;
		let alice: XmppClient;
		const domains = ["a.lab", "b.lab", "c.lab", "d.lab", "e.lab"];

		beforeAll(async () => {
			own = await world.authority.issue([local.domain, local.rooms]);
			certificate = await world.authority.issue(domains);
			played = await PlayedPeers.listen(world.network.address(1), certificate);
			await world.publish([
				...domains.map((domain) => `_xmpp-server._tcp.${domain}. SRV 0 0 5269 played.lab.`),
				`played.lab. A ${world.network.address(1)}`,
			]);
			node().intent = { ...node().intent, strategy: "Live" };
			await mount({ [liveAuthoritiesKey(false)]: other });
			const before = node().program("federation");
			before.kill("SIGKILL");
			await before.exit;
			await node().startRole("federation", world.secrets);
			await node().waitUntilReady();
			alice = await world.internalUser("alice");
		});

		afterAll(async () => {
			await alice?.[Symbol.asyncDispose]();
			played?.[Symbol.dispose]();
		});

		const mount = async (authorities: Record<string, string>) => await node().mountCertificate(own, authorities);

		async function takeOver(authorities: Record<string, string>): Promise<void> {
			await mount(authorities);
			const all = [own.certificate, ...Object.entries(authorities).flat()].join("");
			const wanted = createHash("sha256").update(all).digest("hex");
			for (const role of ["router", "federation"] as const) {
				await waitFor(`the ${role} to have them`, async () => {
					const { digest, failure } = (await node().inForce(role)).certificate;
					return digest === wanted && failure === undefined;
				});
			}
		}

		const streamsOf = async (domain: string) =>
			(await node().status("federation")).streams.filter(({ peer }) => peer === domain);

		/** What is said of the certificate of a peer, on new streams of both directions. */
		async function said(domain: string): Promise<Record<string, string | undefined>> {
			const port = { host: node().address, port: podLayout.federationPort };
			const { certificate: cert, key } = certificate;
			using stream = await startTls(port, domain, local.domain, { cert, key });
			await stream.receive("<stream:features");
			const id = await alice.sendMessage(`bob@${domain}`, "hello");
			await waitFor("the message", () => played.received(domain).includes(id));
			const found = await streamsOf(domain);
			return Object.fromEntries(found.map((each) => [each.direction, each.certificate?.state]));
		}

		const both = (state: string) => ({ incoming: state, outgoing: state });

		test("with those that are given alone", async () => {
			expect(await said("a.lab")).toEqual(both("Untrusted"));
			expect((await node().check("a.lab", local.domain)).steps).toContainEqual(
				expect.objectContaining({ step: "certificate", cause: "CertificateUntrusted" }),
			);
		});

		test("another one is given: new streams are verified with it, and those that are there stay", async () => {
			const before = await streamsOf("a.lab");
			await takeOver({ [liveAuthoritiesKey(false)]: `${other}${system}` });
			expect(await said("b.lab")).toEqual(both("Valid"));
			expect(await streamsOf("a.lab")).toEqual(before);
			expect(before.length).toBeGreaterThan(0);
			expect((await node().check("b.lab", local.domain)).steps).toContainEqual(
				expect.objectContaining({ step: "certificate", result: "ok" }),
			);
		});

		test("it is taken away again", async () => {
			await takeOver({ [liveAuthoritiesKey(false)]: other });
			expect(await said("c.lab")).toEqual(both("Untrusted"));
		});

		test("those of the system are trusted as well", async () => {
			await takeOver({ [liveAuthoritiesKey(true)]: other });
			expect(await said("d.lab")).toEqual(both("Valid"));
		});

		test("what is no PEM is not taken, and told", async () => {
			await mount({ [liveAuthoritiesKey(false)]: "nothing" });
			await waitFor("it to be told", async () => (await node().inForce("federation")).certificate.failure);
			expect(await said("e.lab")).toEqual(both("Valid"));
		});

		test("none are given any more", async () => {
			await takeOver({});
			await world.stopServer("prosody");
			await world.startServer("prosody");
			await world.waitForServer("prosody");
			await using bob = await world.peerUser("prosody", "bob");
			await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "hello"));
			const outgoing = (await streamsOf(peers.prosody.domain)).filter(({ direction }) => direction === "outgoing");
			expect(outgoing.map((each) => each.certificate?.state)).toEqual(["Valid"]);
		});
	});
});
