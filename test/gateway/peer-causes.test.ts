import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CheckStep } from "../../src/cli/check-view.ts";
import type { FailureCause } from "../../src/gateway/failure-causes.ts";
import { podLayout } from "../../src/gateway/layout.ts";
import { defaultSecurity } from "../../src/model/peer-security.ts";
import { metricShapes } from "../lib/metric-shapes.ts";
import { scaled } from "../lib/scale.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { type Pem, selfSigned } from "./lib/certificates.ts";
import { failingZone } from "./lib/dns.ts";
import type { Status, Stream } from "./lib/gateway-node.ts";
import { parseOpenMetrics, sumOf } from "./lib/openmetrics.ts";
import { enforces, mountPolicy, policy } from "./lib/policies.ts";
import { dialbackFeature, offerTls, PlayedPeers, proceedToTls, startTls, streamHeader } from "./lib/raw-peer.ts";
import { RawListener, RawStream } from "./lib/raw-stream.ts";
import { TroubledPeers, troubled } from "./lib/troubled-peers.ts";
import { local, peers, World } from "./lib/world.ts";

const starttls = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const numbers = { troubled: 40, deaf: 98, nobody: 99, alerting: 100 } as const;

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
		const noTls = { mode: "NoTLS", dialback: { mode: "Enabled" } } as const;
		const needsExternal = { saslExternal: { incoming: "Required", outgoing: "Required" } } as const;
		node.intent = {
			...node.intent,
			// A minute by default
			limits: { handshakeSeconds: 5 },
			peers: {
				[troubled.demandingTls]: noTls,
				[peers.ejabberd.rooms]: noTls,
				[troubled.withoutExternal]: { ...defaultSecurity({}), ...needsExternal },
				"strict.lab": defaultSecurity({}),
			},
		};
		await startAlerting();
		// Nobody has that hardware address.
		const neighbour = ["ip", "neighbour", "add", world.network.address(numbers.deaf), "lladdr", "02:00:00:00:00:01"];
		await node.machine.exec([...neighbour, "dev", "eth0", "nud", "permanent"]);
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
			server("timeout.lab", "deaf.lab."),
			`deaf.lab. A ${world.network.address(numbers.deaf)}`,
			// Its SRV record leads to a server that knows nothing of it.
			server("misled.lab", `xmpp.${peers.prosody.domain}.`),
			server("misled-to-ejabberd.lab", `xmpp.${peers.ejabberd.domain}.`),
			...["silent", "web", "broken", "mute", "rejecting", "cut-off", "hanging", "external"].map((name) =>
				server(`${name}.lab`, "played.lab."),
			),
			`played.lab. A ${own}`,
			`_xmpps-server._tcp.alerting.lab. SRV 0 0 5269 tls.alerting.lab.`,
			`tls.alerting.lab. A ${world.network.address(numbers.alerting)}`,
		];
	}

	/** A server for TLS from the first byte on, which refuses a certificate that it does not trust in TLS itself. */
	async function startAlerting(): Promise<void> {
		const machine = await world.machine("alerting", numbers.alerting);
		const { certificate, key } = await selfSigned(["alerting.lab"]);
		await machine.write("/tmp/tls.pem", `${certificate}\n${key}\n`);
		const server =
			"openssl s_server -accept 5269 -cert /tmp/tls.pem -Verify 1 -verify_return_error -CAfile /tmp/tls.pem -www";
		// With -www it does not end when its standard input does.
		await machine.run("openssl", server.split(" "));
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

	const port = () => ({ host: world.node("gw-1").address, port: podLayout.federationPort });
	const connect = async () => await RawStream.connect(port().host, port().port);

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
			[failingZone, "DNSFailed", /^_xmpp-server\._tcp\.failing-dns\.lab: /],
			[troubled.withoutTls, "TLSNotOffered", /./],
			[troubled.demandingTls, "TLSDemanded", /^the peer demands TLS/],
			[peers.ejabberd.rooms, "TLSDemanded", /^the peer demands TLS/],
			[troubled.withoutDialback, "DialbackUnsupported", /^unsupported-stanza-type/],
			[troubled.withoutExternal, "ExternalNeeded", /^SASL EXTERNAL is needed, and the peer does not offer it$/],
			[troubled.trustingNobody, "OwnCertificateRefused", /^not-authorized \(.*certificate/],
			["alerting.lab", "OwnCertificateRefused", /alert/],
			...scaled([], [["timeout.lab", "ConnectionTimeout", /^10\.\S+ port 5269: /]] as const),
		];

		test.each(cases)("%s: %s", async (peer, cause, detail) => {
			await alice.receiveError(await alice.sendMessage(`bob@${peer}`, "hello"));
			const failed = await failure(peer, "outgoing");
			expect(failed).toMatchObject({ peer, local: local.domain, direction: "outgoing", cause });
			expect(failed.detail).toMatch(detail);
			expect(Math.abs(Date.parse(failed.at) - Date.now())).toBeLessThan(60_000);
		});

		const played: readonly (readonly [peer: string, cause: FailureCause, play: Play])[] = [
			["silent.lab", "StreamNotAnswered", () => {}],
			["web.lab", "NotXMPP", sayHttp],
			["broken.lab", "TLSHandshakeFailed", breakHandshake],
			// It says nothing of features.
			["mute.lab", "NegotiationTimeout", async (stream) => void (await startTlsAsServer(stream))],
			["rejecting.lab", "DialbackRefused", rejectKey],
			["cut-off.lab", "DialbackFailed", failToAsk],
			["hanging.lab", "DialbackNotAnswered", ignoreKey],
		];

		test.each(played)("%s, which the test plays: %s", async (peer, cause, play) => {
			using _ = await RawListener.listen(own, 5269, (stream) => void play(stream));
			await alice.receiveError(await alice.sendMessage(`bob@${peer}`, "hello"));
			expect(await failure(peer, "outgoing")).toMatchObject({ peer, cause });
		});

		test("external.lab, which the test plays: ExternalRefused, and dialback instead", async () => {
			const certificate = await world.authority.issue(["external.lab"]);
			let received = "";
			const play: Play = async (plain) => {
				const stream = await startTlsAsServer(plain, certificate);
				stream.send(
					`<stream:features><mechanisms ${sasl}><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>`,
				);
				await stream.receive("<auth");
				stream.send(`<failure ${sasl}><not-authorized/></failure>`);
				await stream.receive("<db:result");
				stream.send(`<db:result from='external.lab' to='${local.domain}' type='valid'/>`);
				await stream.receive("</message>");
				received = stream.received;
			};
			using _ = await RawListener.listen(own, 5269, (stream) => void play(stream));
			const id = await alice.sendMessage("bob@external.lab", "hello");
			await waitFor("the message", () => received.includes(id));
			expect(await failure("external.lab", "outgoing")).toMatchObject({
				cause: "ExternalRefused",
				detail: expect.stringContaining("not-authorized"),
			});
		});
	});

	describe("incoming streams that fail", () => {
		const cases: readonly (readonly [peer: string, cause: FailureCause, detail: RegExp])[] = [
			[troubled.withoutTls, "TLSNotUsed", /^TLS is required$/],
			[troubled.demandingTls, "TLSDemanded", /^it asks for TLS$/],
			[troubled.trustingNobody, "OwnCertificateRefused", /^not-authorized \(.*certificate/],
		];

		test.each(cases)("%s: %s", async (peer, cause, detail) => {
			await using bob = await others.login("bob", peer);
			await bob.receiveError(await bob.sendMessage(alice.jid, "hello"));
			const failed = await failure(peer, "incoming");
			expect(failed).toMatchObject({ peer, local: local.domain, direction: "incoming", cause });
			expect(failed.detail).toMatch(detail);
		});

		test("a peer that shows no certificate where one is required: CertificateMissing", async () => {
			using _ = await startTls(port(), "strict.lab", local.domain);
			expect(await failure("strict.lab", "incoming")).toMatchObject({ cause: "CertificateMissing" });
		});

		test("a peer that is to use SASL EXTERNAL and uses dialback: ExternalNeeded", async () => {
			const { certificate, key } = await world.authority.issue([troubled.withoutExternal]);
			using stream = await startTls(port(), troubled.withoutExternal, local.domain, { cert: certificate, key });
			await stream.receive("<stream:features");
			stream.send(`<db:result from='${troubled.withoutExternal}' to='${local.domain}'>key</db:result>`);
			expect(await failure(troubled.withoutExternal, "incoming")).toMatchObject({ cause: "ExternalNeeded" });
		});

		test("a peer that never says who it is: NegotiationTimeout", async () => {
			using _ = await openInTls("hesitant.lab");
			expect(await failure("hesitant.lab", "incoming")).toMatchObject({ cause: "NegotiationTimeout" });
		});

		test("a peer that the policy shuts out: PolicyRefused", async () => {
			const shunning = policy({ default: "Allow", exceptions: [{ domain: "shunned.lab", direction: "Both" }] });
			await mountPolicy(world.node("gw-1"), shunning);
			await enforces(world.node("gw-1"), shunning);
			using stream = await connect();
			stream.send(streamHeader(`from='shunned.lab' to='${local.domain}'`));
			await stream.receive("<policy-violation");
			expect(await failure("shunned.lab", "incoming")).toMatchObject({ cause: "PolicyRefused" });
			await mountPolicy(world.node("gw-1"), undefined);
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
			[failingZone, "srv", "DNSFailed"],
			["misled.lab", "stream", "PeerDomainUnknown"],
			["misled-to-ejabberd.lab", "stream", "PeerDomainUnknown"],
			[troubled.withoutTls, "starttls", "TLSNotOffered"],
			[troubled.demandingTls, "starttls", "TLSDemanded"],
			[troubled.withoutDialback, "dialback", "DialbackUnsupported"],
			[troubled.withoutExternal, "external", "ExternalNeeded"],
			[troubled.trustingNobody, "features", "OwnCertificateRefused"],
			["alerting.lab", "stream", "OwnCertificateRefused"],
			...scaled([], [["timeout.lab", "tcp", "ConnectionTimeout"]] as const),
		];

		test.each(failing)("of %s fails at %s: %s", async (peer, step, cause) => {
			const { code, steps } = await world.node("gw-1").check(peer, local.domain);
			expect(steps.slice(-2)).toMatchObject([
				{ step, result: "failed", cause },
				{ step: "verdict", result: "failed", cause },
			]);
			expect(code).toBe(1);
		});

		const played: readonly (readonly [peer: string, step: string, cause: FailureCause, play: Play])[] = [
			["web.lab", "stream", "NotXMPP", sayHttp],
			["broken.lab", "tls", "TLSHandshakeFailed", breakHandshake],
			["rejecting.lab", "dialback", "DialbackRefused", rejectKey],
			["cut-off.lab", "dialback", "DialbackFailed", failToAsk],
			...scaled<typeof played>(
				[],
				[
					["silent.lab", "stream", "StreamNotAnswered", () => {}],
					["hanging.lab", "dialback", "DialbackNotAnswered", ignoreKey],
				],
			),
		];

		test.each(played)("of %s, which the test plays, fails at %s: %s", async (peer, step, cause, play) => {
			using _ = await RawListener.listen(own, 5269, (stream) => void play(stream));
			const { code, steps } = await world.node("gw-1").check(peer, local.domain);
			expect(steps.at(-2)).toMatchObject({ step, result: "failed", cause });
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
			expect(named).toEqual(new Set(["other", "external.lab", ...states.map(([peer]) => peer)]));
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

		/** What alerts and dashboard are compared with: test/unit/observability. */
		test.each(["router", "federation"] as const)(
			"the metrics of a %s have the recorded names and labels",
			async (role) => {
				const samples = parseOpenMetrics(await (await world.node("gw-1").get(role, "/metrics")).text());
				await expect(`${metricShapes(samples).join("\n")}\n`).toMatchFileSnapshot(`golden/metrics/${role}.txt`);
			},
		);

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

		test("a peer's server that is shut down: ClosedByPeer", async () => {
			others.program.kill("SIGTERM");
			await others.program.exit;
			expect(await failure(troubled.valid, "outgoing")).toMatchObject({
				cause: "ClosedByPeer",
				detail: expect.stringMatching(/^system-shutdown/),
			});
			expect(await streamsOf(troubled.valid)).toEqual([]);
		});

		test("a peer's server that is killed: ConnectionLost", async () => {
			await using bob = await world.peerUser("prosody", "bob");
			await bob.receiveMessage(await alice.sendMessage(bob.jid, "hello"));
			await world.stopServer("prosody");
			expect(await failure(peers.prosody.domain, "outgoing")).toMatchObject({ cause: "ConnectionLost" });
		});
	});

	const openInTls = async (from: string) =>
		await PlayedPeers.open(world.node("gw-1").address, podLayout.federationPort, from, local.domain);
});

/** What the server of a peer does with a stream that is opened to it. */
type Play = (stream: RawStream) => Promise<void> | void;

const sayHttp: Play = (stream) => stream.send("HTTP/1.1 400 Bad Request\r\n\r\n");
const rejectKey: Play = async (stream) => await answerKey(stream, "type='invalid'/>");
const failToAsk: Play = async (stream) =>
	await answerKey(
		stream,
		"type='error'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
	);
const ignoreKey: Play = async (stream) => await answerKey(stream, "");

/** Takes a dialback key, and answers `<db:result from to ` and this; the empty string: does not answer. */
async function answerKey(plain: RawStream, end: string): Promise<void> {
	const stream = await startTlsAsServer(plain);
	stream.send(`<stream:features>${dialbackFeature}</stream:features>`);
	await stream.receive("<db:result");
	const peer = /<db:result[^>]* to='([^']*)'/.exec(stream.received)?.[1];
	if (end !== "") stream.send(`<db:result from='${peer}' to='${local.domain}' ${end}`);
}

/** A stream that was opened to the test, inside TLS, with no features yet. */
async function startTlsAsServer(plain: RawStream, certificate?: Pem): Promise<RawStream> {
	await offerTls(plain);
	await plain.receive("<starttls");
	return await proceedToTls(plain, certificate ?? (await selfSigned(["played.lab"])));
}

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
