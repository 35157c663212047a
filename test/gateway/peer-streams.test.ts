import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import { revisionFile, settingsFiles, settingsRevision } from "../../src/gateway/settings.ts";
import type { PeerSecurityIntent } from "../../src/model/intent.ts";
import { defaultSecurity } from "../../src/model/peer-security.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { PlayedPeers, streamHeader } from "./lib/raw-peer.ts";
import { RawStream } from "./lib/raw-stream.ts";
import { local, World } from "./lib/world.ts";

const strict = defaultSecurity({});
const opportunistic: PeerSecurityIntent = { ...strict, peerCertificates: "Opportunistic" };
const optional: PeerSecurityIntent = { ...opportunistic, mode: "TLSOptional" };
const noTls: PeerSecurityIntent = { mode: "NoTLS", dialback: { mode: "Enabled" } };
const external: PeerSecurityIntent = { ...opportunistic, saslExternal: { incoming: "Required", outgoing: "Offered" } };

const peers: Readonly<Record<string, PeerSecurityIntent>> = {
	"weak.lab": optional,
	"plain.lab": noTls,
	"strict.lab": strict,
	"external.lab": external,
	"*.wild.lab": optional,
	"*.b.wild.lab": strict,
	"x.b.wild.lab": noTls,
	"xn--bcher-kva.lab": noTls,
};

const required = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const offered = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** The test plays peers, and says exactly what it wants to. */
describe("a gateway with settings for each peer", () => {
	let world: World;
	let played: PlayedPeers;
	let alice: XmppClient;
	const node = () => world.node("gw-1");

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: [],
			users: ["alice"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		const own = world.network.address(1);
		played = await PlayedPeers.listen(own);
		await world.publish(
			Object.keys(peers)
				.filter((domain) => !domain.startsWith("*"))
				.map((domain) => `_xmpp-server._tcp.${domain}. SRV 0 0 5269 played.lab.`)
				.concat(`played.lab. A ${own}`),
		);
		node().intent = { ...node().intent, security: opportunistic, peers };
		await world.startNodes();
		alice = await world.internalUser("alice");
	});

	afterAll(async () => {
		played?.[Symbol.dispose]();
		await alice?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	/** A stream without TLS, as far as features. */
	async function open(from: string | undefined): Promise<RawStream> {
		const stream = await RawStream.connect(node().address, podLayout.federationPort);
		stream.send(streamHeader(`${from === undefined ? "" : `from='${from}' `}to='${local.domain}'`));
		await stream.receive("</stream:features>");
		return stream;
	}

	const openTls = async (from: string) =>
		await PlayedPeers.open(node().address, podLayout.federationPort, from, local.domain);

	/** Wants to be identified as a domain by dialback. */
	function claim(stream: RawStream, domain: string): void {
		stream.send(`<db:result from='${domain}' to='${local.domain}'>key</db:result>`);
	}

	async function identified(stream: RawStream, domain: string): Promise<RawStream> {
		claim(stream, domain);
		await waitFor(`${domain} to be identified`, () => validFor(domain).test(stream.received));
		return stream;
	}

	const validFor = (domain: string) =>
		new RegExp(`<db:result(?=[^>]*from='${local.domain}')(?=[^>]*to='${domain}')[^>]*type='valid'`);

	/** What the stream was refused with. */
	async function refusal(stream: RawStream): Promise<string> {
		await waitFor(`the stream to be refused: ${stream.received}`, () => stream.closed);
		return /<stream:error>.*<\/stream:error>/.exec(stream.received)?.[0] ?? "no stream error";
	}

	async function failureOf(peer: string): Promise<string> {
		const { failures } = await node().status("federation");
		return failures.find((failure) => failure.peer === peer)?.detail ?? "none";
	}

	const message = (from: string, id: string) =>
		`<message from='someone@${from}' to='${alice.fullJid}' id='${id}' type='chat'><body>hello</body></message>`;

	describe("chooses the most specific entry before anything is offered", () => {
		test.each<[string | undefined, string]>([
			["nobody.lab", required],
			["strict.lab", required],
			["weak.lab", offered],
			["WEAK.lab", offered],
			["plain.lab", ""],
			["wild.lab", offered],
			["a.wild.lab", offered],
			["b.wild.lab", required],
			["c.b.wild.lab", required],
			["x.b.wild.lab", ""],
			["y.x.b.wild.lab", required],
			["notwild.lab", required],
			["b\u00fccher.lab", ""],
			// Nobody knows yet who that is: the strictest of all holds.
			[undefined, required],
		])("%s", async (from, starttls) => {
			using stream = await open(from);
			const found = /<starttls.*<\/starttls>|<starttls[^>]*\/>/.exec(stream.received)?.[0] ?? "";
			expect(found).toBe(starttls);
		});
	});

	test("NoTLS does not take TLS that was not offered", async () => {
		using stream = await open("plain.lab");
		stream.send(offered);
		await stream.receive("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		expect(stream.received).not.toContain("<proceed");
	});

	describe("refuses a strict peer on a stream that was opened as a weak one, and goes on for that one", () => {
		test.each([
			["without TLS", "strict.lab", "TLS is required"],
			["without TLS", "nobody.lab", "TLS is required"],
			["without TLS", "external.lab", "TLS is required"],
			["inside TLS", "strict.lab", "a certificate that verifies is required, and strict.lab shows no certificate"],
			["inside TLS", "external.lab", "SASL EXTERNAL is required, dialback is not taken"],
		])("%s: %s: %s", async (how, domain, why) => {
			const openAs = how === "inside TLS" ? openTls : open;
			using stream = await identified(await openAs("weak.lab"), "weak.lab");
			claim(stream, domain);
			await stream.receive(why);
			expect(stream.received).toMatch(new RegExp(`<db:result(?=[^>]*to='${domain}')[^>]*type='error'`));
			expect(stream.received).not.toMatch(validFor(domain));
			expect(await failureOf(domain)).toBe(why);
			const id = `weak-${domain}-${why.length}`;
			stream.send(message("weak.lab", id));
			await alice.receiveMessage(id);
			stream.send(message(domain, `forged-${id}`));
			await waitFor("the stream to be closed", () => stream.closed);
			expect(alice.received.some((stanza) => stanza.attrs.id === `forged-${id}`)).toBe(false);
			expect(played.received(domain)).not.toContain("db:verify");
		});

		test("whose own settings allow it: it is identified", async () => {
			using stream = await identified(await openTls("weak.lab"), "weak.lab");
			await identified(stream, "x.b.wild.lab");
			expect(stream.closed).toBe(false);
		});
	});

	test("a stream of several peers goes on for the others where the first one is refused", async () => {
		using stream = await openTls("weak.lab");
		claim(stream, "external.lab");
		await stream.receive("type='error'");
		await identified(stream, "weak.lab");
		expect(stream.received).not.toMatch(validFor("external.lab"));
	});

	test("a peer that does not say who it is must meet the strictest settings, whoever it turns out to be", async () => {
		using stream = await open(undefined);
		claim(stream, "weak.lab");
		expect(await refusal(stream)).toContain("TLS is required");
	});

	describe("tells at once what is missing", () => {
		test.each([
			["identification without TLS", `<db:result from='strict.lab' to='${local.domain}'>key</db:result>`],
			["a question without TLS", `<db:verify from='strict.lab' to='${local.domain}' id='1'>key</db:verify>`],
		])("%s", async (_what, element) => {
			using stream = await open("strict.lab");
			expect(stream.received).not.toContain("urn:xmpp:features:dialback");
			stream.send(element);
			expect(await refusal(stream)).toContain("TLS is required");
			expect(await failureOf("strict.lab")).toBe("TLS is required");
		});

		test("dialback where SASL EXTERNAL is Required", async () => {
			using stream = await openTls("external.lab");
			expect(stream.received).not.toContain("EXTERNAL");
			claim(stream, "external.lab");
			expect(await refusal(stream)).toContain("SASL EXTERNAL is required, dialback is not taken");
		});

		test("a peer that cannot be asked", async () => {
			using stream = await openTls("nowhere.lab");
			claim(stream, "nowhere.lab");
			expect(await refusal(stream)).toContain("nowhere.lab cannot be asked whether this stream is its own: ");
		});
	});

	describe("where a handshake breaks", () => {
		/** Starts TLS in the peer's name and says something else. */
		async function breakHandshake(from: string): Promise<void> {
			using stream = await open(from);
			stream.send(offered);
			await stream.receive("<proceed");
			stream.send("this is no handshake");
			await waitFor("the stream to be closed", () => stream.closed);
		}

		/** What is offered to a machine with another address. */
		async function offeredElsewhere(from: string): Promise<string> {
			const header = streamHeader(`from='${from}' to='${local.domain}'`);
			const script = `exec 3<>/dev/tcp/${node().address}/${podLayout.federationPort}; printf %s "$0" >&3; timeout 2 cat <&3`;
			return await world.machine("elsewhere", 100).then(async (machine) => {
				return await machine.exec(["bash", "-c", `${script}; true`, header]);
			});
		}

		test("TLSOptional: TLS is not offered again to that address, but to every other", async () => {
			await breakHandshake("a.wild.lab");
			using again = await open("a.wild.lab");
			expect(again.received).not.toContain("<starttls");
			using other = await open("weak.lab");
			expect(other.received).toContain(offered);
			expect(await offeredElsewhere("a.wild.lab")).toContain(offered);
		});

		test("TLSRequired: nothing changes", async () => {
			await breakHandshake("strict.lab");
			using again = await open("strict.lab");
			expect(again.received).toContain(required);
		});
	});

	describe("takes settings over while it runs", () => {
		async function change(settings: Readonly<Record<string, PeerSecurityIntent>>): Promise<void> {
			node().intent = { ...node().intent, peers: { ...peers, ...settings } };
			const files = settingsFiles(node().intent);
			await node().mountSettings(files);
			await inForce(files[revisionFile]?.trim());
		}

		async function inForce(revision: string | undefined): Promise<void> {
			await waitFor("the settings to be in force", async () => {
				const { settings } = await node().status("federation");
				return settings.revision === revision && settings.failure === undefined;
			});
		}

		test("new streams get them, streams that they refuse end, others go on", async () => {
			using weak = await identified(await open("weak.lab"), "weak.lab");
			using plain = await identified(await open("plain.lab"), "plain.lab");
			await change({ "weak.lab": strict });
			expect(await refusal(weak)).toContain("the security settings have changed: TLS is required");
			using again = await open("weak.lab");
			expect(again.received).toContain(required);
			plain.send(message("plain.lab", "goes-on"));
			await alice.receiveMessage("goes-on");
			await change({});
			using weakAgain = await identified(await open("weak.lab"), "weak.lab");
			expect(weakAgain.closed).toBe(false);
		});

		test("what cannot be used changes nothing; at the start it lets nobody in", async () => {
			const broken = { "security.json": JSON.stringify({ default: strict, peers: { "weak.lab": { mode: "NoTLS" } } }) };
			await node().mountSettings({ ...broken, [revisionFile]: settingsRevision(broken) });
			await waitFor("the failure to be told", async () => {
				const { settings } = await node().status("federation");
				return settings.failure?.includes("what it says of weak.lab is not complete");
			});
			using weak = await open("weak.lab");
			expect(weak.received).toContain(offered);

			node().program("federation").kill("SIGKILL");
			await node().program("federation").exit;
			await node().startRole("federation", world.secrets);
			await node().waitUntilReady();
			using refusedStream = await open("weak.lab");
			claim(refusedStream, "weak.lab");
			expect(await refusal(refusedStream)).toContain("the security settings cannot be read");
			await change({});
			using taken = await openTls("weak.lab");
			await identified(taken, "weak.lab");
		});
	});
});
