import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CheckStep } from "../../src/cli/check-view.ts";
import type { FailureCause } from "../../src/gateway/failure-causes.ts";
import { podLayout } from "../../src/gateway/layout.ts";
import { defaultSecurity } from "../../src/model/peer-security.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Status, Stream } from "./lib/gateway-node.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { PlayedPeers, streamHeader } from "./lib/raw-peer.ts";
import { RawListener, RawStream } from "./lib/raw-stream.ts";
import { TroubledPeers, troubled } from "./lib/troubled-peers.ts";
import { local, peers, World } from "./lib/world.ts";

const starttls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const numbers = { troubled: 40, nobody: 99 } as const;

/**
 * What /status and /metrics say of peers, and of each cause for which a stream with a peer fails that can be played here.
 * Real servers play what a real server does; what none can be brought to do, the test plays itself.
 */
describe("the truth about peers", () => {
	let world: World;
	let others: TroubledPeers;
	let alice: XmppClient;
	let own: string;

	beforeAll(async () => {
		world = await World.start({
			internal: "prosody",
			peers: ["prosody", "ejabberd"],
			users: ["alice", "bob"],
			nodes: [{ name: "gw-1", federation: "Enabled" }],
		});
		own = world.network.address(1);
		others = await TroubledPeers.start(world.network, numbers.troubled, world.network.address(2), world.authority);
		await world.publish([...others.records, ...records()]);
		const node = world.node("gw-1");
		// A minute by default
		node.intent = { ...node.intent, limits: { handshakeSeconds: 5 } };
		await node.start(world.secrets);
		await node.waitUntilReady();
		alice = await world.internalUser("alice");
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	/** Of domains that something is wrong with before a server is reached, and of those that the test plays. */
	function records(): string[] {
		const server = (domain: string, target: string, port = 5269) =>
			`_xmpp-server._tcp.${domain}. SRV 0 0 ${port} ${target}`;
		return [
			server("none.lab", "."),
			server("lost.lab", "nowhere.lost.lab."),
			server("closed.lab", "closed-host.lab.", 9),
			`closed-host.lab. A ${world.network.address(numbers.troubled)}`,
			server("unreachable.lab", "nobody.lab."),
			`nobody.lab. A ${world.network.address(numbers.nobody)}`,
			// Its SRV record leads to a server that knows nothing of it.
			server("misled.lab", `xmpp.${peers.prosody.domain}.`),
			server("misled-to-ejabberd.lab", `xmpp.${peers.ejabberd.domain}.`),
			...["silent", "web", "broken"].map((name) => server(`${name}.lab`, "played.lab.")),
			`played.lab. A ${own}`,
		];
	}

	const status = async (peer?: string): Promise<Status> =>
		await world.node("gw-1").status("federation", peer === undefined ? "" : `?peer=${peer}`);

	async function failure(peer: string, direction: "incoming" | "outgoing") {
		return await waitFor(
			`a failure of ${peer}`,
			async () => (await status(peer)).failures.find((each) => each.direction === direction),
			{ timeout: 30_000 },
		);
	}

	async function streamsOf(peer: string): Promise<readonly Stream[]> {
		return (await status(peer)).streams.filter(({ state }) => state === "Authenticated");
	}

	const connect = async () => await RawStream.connect(world.node("gw-1").address, podLayout.federationPort);

	describe("outgoing streams that fail", () => {
		const cases: readonly (readonly [peer: string, cause: FailureCause, detail: RegExp])[] = [
			[
				"unknown.lab",
				"NameNotFound",
				/^_xmpp-server\._tcp\.unknown\.lab does not exist, and unknown\.lab has no address$/,
			],
			["none.lab", "ServiceNotOffered", /^_xmpp-server\._tcp\.none\.lab$/],
			["lost.lab", "TargetNotFound", /^_xmpp-server\._tcp\.lost\.lab names nowhere\.lost\.lab\.?$/],
			["closed.lab", "ConnectionRefused", /^10\.\S+ port 9: connection refused$/],
			["unreachable.lab", "Unreachable", /^10\.\S+ port 5269: No route to host$/],
			["misled.lab", "PeerDomainUnknown", /^host-unknown/],
			["misled-to-ejabberd.lab", "PeerDomainUnknown", /^host-unknown/],
			[troubled.withoutTls, "TLSNotOffered", /./],
			[troubled.withoutDialback, "DialbackUnsupported", /^unsupported-stanza-type/],
		];

		test.each(cases)("%s: %s", async (peer, cause, detail) => {
			await alice.receiveError(await alice.sendMessage(`bob@${peer}`, "hello"));
			const failed = await failure(peer, "outgoing");
			expect(failed).toMatchObject({ peer, local: local.domain, direction: "outgoing", cause });
			expect(failed.detail).toMatch(detail);
			expect(Math.abs(Date.parse(failed.at) - Date.now())).toBeLessThan(60_000);
		});

		const played: readonly (readonly [
			peer: string,
			cause: FailureCause,
			play: (stream: RawStream) => Promise<void> | void,
		])[] = [
			["silent.lab", "StreamNotAnswered", () => {}],
			["web.lab", "NotXMPP", (stream) => stream.send("HTTP/1.1 400 Bad Request\r\n\r\n")],
			["broken.lab", "TLSHandshakeFailed", breakHandshake],
		];

		test.each(played)("%s, which the test plays: %s", async (peer, cause, play) => {
			using _ = await RawListener.listen(own, 5269, (stream) => void play(stream));
			await alice.receiveError(await alice.sendMessage(`bob@${peer}`, "hello"));
			expect(await failure(peer, "outgoing")).toMatchObject({ peer, cause });
		});
	});

	describe("incoming streams that fail", () => {
		test("plain.lab, a server without TLS: TLSNotUsed", async () => {
			await using bob = await others.login("bob", troubled.withoutTls);
			await bob.receiveError(await bob.sendMessage(alice.jid, "hello"));
			expect(await failure(troubled.withoutTls, "incoming")).toMatchObject({
				cause: "TLSNotUsed",
				detail: "TLS is required",
			});
		});

		test("a handshake that breaks: TLSHandshakeFailed", async () => {
			using stream = await connect();
			stream.send(streamHeader(`from='breaking.lab' to='${local.domain}'`));
			await stream.receive("<stream:features");
			stream.send(`<starttls ${starttls}/>`);
			await stream.receive("<proceed");
			stream.send("this is no handshake");
			expect(await failure("breaking.lab", "incoming")).toMatchObject({ cause: "TLSHandshakeFailed" });
		});

		test("a domain that is not ours: LocalDomainUnknown", async () => {
			using stream = await connect();
			stream.send(streamHeader("from='lost-peer.lab' to='elsewhere.lab'"));
			await stream.receive("<host-unknown");
			expect(await failure("lost-peer.lab", "incoming")).toMatchObject({ cause: "LocalDomainUnknown" });
		});

		test("more than a stream may send before it is authenticated: LimitReached", async () => {
			using stream = await connect();
			stream.send(streamHeader(`from='talkative.lab' to='${local.domain}'`));
			await stream.receive("<stream:features");
			stream.send(`<a xmlns='urn:test'>${"a".repeat(20_000)}`);
			expect(await failure("talkative.lab", "incoming")).toMatchObject({ cause: "LimitReached" });
		});

		test("an impostor: DialbackKeyInvalid", async () => {
			using stream = await openInTls(peers.prosody.domain);
			stream.send(`<db:result from='${peers.prosody.domain}' to='${local.domain}'>forged</db:result>`);
			await stream.receive("type='invalid'");
			expect(await failure(peers.prosody.domain, "incoming")).toMatchObject({ cause: "DialbackKeyInvalid" });
		});

		test("a domain whose server cannot be asked: DialbackNotVerified", async () => {
			using stream = await openInTls("unknown.lab");
			stream.send(`<db:result from='unknown.lab' to='${local.domain}'>key</db:result>`);
			expect(await failure("unknown.lab", "incoming")).toMatchObject({ cause: "DialbackNotVerified" });
		});
	});

	describe("a check from the pod", () => {
		const results = (steps: readonly CheckStep[]) => steps.map(({ step, result }) => `${step} ${result}`);

		test("of a peer with a good certificate: every step, and SASL EXTERNAL", async () => {
			const { code, steps } = await world.node("gw-1").check(troubled.valid, local.domain);
			expect(results(steps)).toEqual([
				"settings ok",
				"srv ok",
				"address ok",
				"tcp ok",
				"stream ok",
				"starttls ok",
				"tls ok",
				"certificate ok",
				"features ok",
				"external ok",
				"dialback skipped",
				"verdict ok",
			]);
			expect(code).toBe(0);
			const detail = (name: string) => steps.find(({ step }) => step === name)?.detail;
			expect(detail("srv")).toBe(
				`_xmpp-server._tcp.${troubled.valid}: xmpp.${troubled.valid} port 5269 (priority 0, weight 0)`,
			);
			expect(detail("stream")).toMatch(/^features: .*starttls/);
			expect(detail("features")).toMatch(/^features: .*mechanisms \(EXTERNAL\)/);
			expect(detail("tls")).toMatch(/^TLSv1\.3, TLS_/);
			expect(detail("certificate")).toMatch(
				/^for valid\.lab; issuer CN=Test authority; valid from 20\S+Z until 20\S+Z; for servers and clients$/,
			);
			expect(detail("verdict")).toBe(`a stream to ${troubled.valid} comes about: SASL EXTERNAL`);
		});

		const byDialback = [
			[troubled.expired, "CertificateExpired"],
			[troubled.selfSigned, "CertificateUntrusted"],
			[troubled.wrongName, "CertificateWrongName"],
			[peers.ejabberd.domain, "CertificateUntrusted"],
		] as const;

		test.each(byDialback)("of %s: %s is told, and dialback works", async (peer, cause) => {
			const { code, steps } = await world.node("gw-1").check(peer, local.domain);
			expect(steps.slice(-5)).toMatchObject([
				{ step: "certificate", result: "note", cause },
				{ step: "features", result: "ok" },
				{ step: "external", result: "skipped" },
				{ step: "dialback", result: "ok", detail: "the peer had this federation's key verified" },
				{ step: "verdict", result: "ok", detail: `a stream to ${peer} comes about: dialback in TLS` },
			]);
			expect(code).toBe(0);
		});

		const failing: readonly (readonly [peer: string, step: string, cause: FailureCause])[] = [
			["unknown.lab", "address", "NameNotFound"],
			["none.lab", "srv", "ServiceNotOffered"],
			["lost.lab", "address", "TargetNotFound"],
			["closed.lab", "tcp", "ConnectionRefused"],
			["unreachable.lab", "tcp", "Unreachable"],
			["misled.lab", "stream", "PeerDomainUnknown"],
			["misled-to-ejabberd.lab", "stream", "PeerDomainUnknown"],
			[troubled.withoutTls, "starttls", "TLSNotOffered"],
			[troubled.withoutDialback, "dialback", "DialbackUnsupported"],
		];

		test.each(failing)("of %s fails at %s: %s", async (peer, step, cause) => {
			const { code, steps } = await world.node("gw-1").check(peer, local.domain);
			expect(steps.slice(-2)).toMatchObject([
				{ step, result: "failed", cause },
				{ step: "verdict", result: "failed", cause },
			]);
			expect(code).toBe(1);
		});

		test("of a peer whose handshake breaks, which the test plays", async () => {
			using _ = await RawListener.listen(own, 5269, (stream) => void breakHandshake(stream));
			const { code, steps } = await world.node("gw-1").check("broken.lab", local.domain);
			expect(steps.at(-2)).toMatchObject({ step: "tls", result: "failed", cause: "TLSHandshakeFailed" });
			expect(code).toBe(1);
		});

		test("in the name of a domain that is not ours, or of one of ours, is refused", async () => {
			expect(await world.node("gw-1").check(troubled.valid, "elsewhere.lab")).toEqual({ code: 64, steps: [] });
			expect(await world.node("gw-1").check(local.rooms, local.domain)).toEqual({ code: 64, steps: [] });
		});
	});

	describe("streams that work", () => {
		const states = [
			[troubled.valid, "SASL EXTERNAL", "Valid", undefined],
			[troubled.expired, "dialback in TLS", "Expired", "certificate has expired"],
			[troubled.notYetValid, "dialback in TLS", "NotYetValid", "certificate is not yet valid"],
			[troubled.selfSigned, "dialback in TLS", "Untrusted", "self-signed certificate"],
			[troubled.wrongName, "dialback in TLS", "WrongName", undefined],
		] as const;

		test.each(states)("%s: %s with a certificate that is %s", async (peer, authentication, state, detail) => {
			await using bob = await others.login("bob", peer);
			await bob.receiveMessage(await alice.sendMessage(bob.jid, "hello"));
			await alice.receiveMessage(await bob.sendMessage(alice.jid, "hello"));
			const streams = await streamsOf(peer);
			expect(streams.map(({ direction }) => direction).toSorted()).toEqual(["incoming", "outgoing"]);
			for (const stream of streams) {
				expect(stream).toMatchObject({
					tls: { version: "TLSv1.3" },
					authentication,
					certificate: {
						state,
						...(detail !== undefined && { detail }),
						issuer: state === "Untrusted" ? `CN=${peer}` : "CN=Test authority",
						names: [state === "WrongName" ? "another.lab" : peer],
						notBefore: expect.stringMatching(/^20\d\d-.*Z$/),
						notAfter: expect.stringMatching(/^20\d\d-.*Z$/),
					},
				});
				expect(stream.stanzas).toBeGreaterThanOrEqual(1);
			}
		});

		test("the metrics name the peers that exchanged stanzas, and nobody else", async () => {
			const samples = parseOpenMetrics(await (await world.node("gw-1").get("federation", "/metrics")).text());
			const named = new Set(samples.flatMap(({ labels }) => labels["peer"] ?? []));
			expect(named).toEqual(new Set(["other", ...states.map(([peer]) => peer)]));
			const external = { peer: troubled.valid, authentication: "SASL EXTERNAL" };
			expect(sumOf(samples, "xmppfed_peer_streams", { ...external, direction: "incoming" })).toBe(1);
			expect(sumOf(samples, "xmppfed_peer_streams", { ...external, direction: "outgoing" })).toBe(1);
			for (const direction of ["incoming", "outgoing"]) {
				expect(
					sumOf(samples, "xmppfed_peer_stanzas_total", { peer: troubled.valid, direction }),
				).toBeGreaterThanOrEqual(1);
			}
			const expiry = "xmppfed_peer_certificate_not_after_timestamp_seconds";
			expect(sumOf(samples, expiry, { peer: troubled.expired })).toBeLessThan(Date.now() / 1000);
			expect(sumOf(samples, expiry, { peer: troubled.valid })).toBeGreaterThan(Date.now() / 1000 + 29 * 86_400);
			const failures = sumOf(samples, "xmppfed_stream_failures_total");
			expect(failures).toBeGreaterThanOrEqual(15);
			expect(sumOf(samples, "xmppfed_peer_failures_total")).toBe(failures);
			expect(sumOf(samples, "xmppfed_peer_failures_total", { peer: "other", cause: "NameNotFound" })).toBe(2);
		});

		test("when certificates become required, what does not verify is ended and let in no more: each by its cause", async () => {
			const node = world.node("gw-1");
			node.intent = { ...node.intent, security: defaultSecurity({}) };
			await node.mountSettings();
			const causes: readonly (readonly [peer: string, cause: FailureCause])[] = [
				[troubled.expired, "CertificateExpired"],
				[troubled.notYetValid, "CertificateNotYetValid"],
				[troubled.selfSigned, "CertificateUntrusted"],
				[troubled.wrongName, "CertificateWrongName"],
			];
			for (const [peer, cause] of causes) {
				expect(await failure(peer, "incoming")).toMatchObject({ cause });
				expect(await failure(peer, "outgoing")).toMatchObject({
					cause,
					detail: expect.stringMatching(/^the security settings have changed: a certificate that verifies is required/),
				});
				await alice.receiveError(await alice.sendMessage(`bob@${peer}`, "hello"));
				expect(await failure(peer, "outgoing")).toMatchObject({
					cause,
					detail: expect.stringMatching(/^a certificate that verifies is required/),
				});
			}
			expect(await streamsOf(troubled.valid)).toHaveLength(2);
			const { code, steps } = await node.check(troubled.expired, local.domain);
			expect(steps.at(-2)).toMatchObject({ step: "certificate", result: "failed", cause: "CertificateExpired" });
			expect(code).toBe(1);
		});

		test("a stream that the peer's server ends is ConnectionLost or ClosedByPeer", async () => {
			others.program.kill("SIGKILL");
			await others.program.exit;
			expect(await failure(troubled.valid, "outgoing")).toMatchObject({ cause: "ConnectionLost" });
			expect(await streamsOf(troubled.valid)).toEqual([]);
		});
	});

	const openInTls = async (from: string) =>
		await PlayedPeers.open(world.node("gw-1").address, podLayout.federationPort, from, local.domain);
});

/** Says that TLS may begin, and answers the beginning of a handshake with something that is none. */
async function breakHandshake(stream: RawStream): Promise<void> {
	await stream.receive("<stream:stream");
	stream.send(`${streamHeader("id='1'")}<stream:features><starttls ${starttls}/></stream:features>`);
	await stream.receive("<starttls");
	stream.send(`<proceed ${starttls}/>`);
	// A record of TLS that has a handshake in it
	await stream.receive("\u0016\u0003");
	stream.send("this is no handshake");
}
