import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { XmppClient } from "../lib/xmpp/client.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import type { Link, Role } from "./lib/gateway-node.ts";
import { type LinkAuthority, type LinkFiles, linkFiles, newAuthority } from "./lib/link-files.ts";
import { RawListener, RawStream } from "./lib/raw-stream.ts";
import { Traffic } from "./lib/traffic.ts";
import { local, World } from "./lib/world.ts";

const day = 24 * 3_600_000;
const streamHeader = `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${local.domain}'>`;
const fingerprint = ({ certificate }: LinkFiles) => new X509Certificate(certificate).fingerprint256;

/**
 * Who gets a link. The federation connection manager is on gw-1, the router on gw-2; both run through all of this, and
 * take what is mounted as it changes. Each test goes on from where the one before it ended.
 */
describe("links", () => {
	let world: World;
	let authority: LinkAuthority;
	let other: LinkAuthority;
	/** Files of a side that is refused. It trusts both authorities: it is the other side that refuses. */
	let wrong: Record<"by another authority" | "for another name" | "that has expired", LinkFiles>;
	let alice: XmppClient;
	let bob: XmppClient;

	const federation = () => world.node("gw-1");
	const router = () => world.node("gw-2");
	const status = async (role: Role) => await (role === "router" ? router() : federation()).status(role);

	beforeAll(async () => {
		authority = await newAuthority();
		other = await newAuthority();
		const trusted = [authority, other];
		wrong = {
			"by another authority": await linkFiles(other, { trusted }),
			"for another name": await linkFiles(authority, { name: "links.other.test.xmppfed.invalid", trusted }),
			"that has expired": await linkFiles(authority, { now: new Date(Date.now() - 91 * day), trusted }),
		};
		world = await World.start({
			internal: "prosody",
			peers: ["prosody"],
			users: ["alice", "bob"],
			nodes: [
				{ name: "gw-1", federation: "Enabled" },
				{ name: "gw-2", federation: "Disabled" },
			],
			linkFiles: await linkFiles(authority),
		});
		world.routers = ["gw-2"];
		await world.publish();
		await federation().startRole("federation", world.secrets);
		await router().startRole("router", world.secrets);
		await allUp();
		alice = await world.internalUser("alice");
		bob = await world.peerUser("prosody", "bob");
	});

	afterAll(async () => {
		await alice?.[Symbol.asyncDispose]();
		await bob?.[Symbol.asyncDispose]();
		await world?.[Symbol.asyncDispose]();
	});

	/** Both links of the router, when they are up and both sides say so. */
	async function allUp(): Promise<readonly Link[]> {
		return await waitFor("both links to be up", async () => {
			const [{ links }, seen] = await Promise.all([status("router"), status("federation")]);
			if (links.length !== 2 || links.some(({ state }) => state !== "Up") || seen.links.length !== 2) {
				throw new Error(JSON.stringify([links, seen.refusedLinks]));
			}
			return links;
		});
	}

	/** Ends the router's links, so that it has to make new ones. */
	async function restartRouter(): Promise<void> {
		const program = router().program("router");
		program.kill("SIGKILL");
		await program.exit;
		await router().startRole("router", world.secrets);
	}

	/** Why each of the router's links failed last, as soon as that matches. Log lines: at most what a change of it takes. */
	async function failures(wanted: RegExp): Promise<readonly string[]> {
		const { length } = router().program("router").lines;
		const failed = await waitFor("the links to fail", async () => {
			const { links } = await status("router");
			const reasons = links.map(({ state, lastFailure }) => `${state}: ${lastFailure?.reason}`);
			if (links.length !== 2 || !reasons.every((reason) => wanted.test(reason))) throw new Error(reasons.join("\n"));
			return reasons;
		});
		expect((await status("federation")).links).toEqual([]);
		// The log says so, once: not at every try.
		const told = router()
			.program("router")
			.lines.slice(length)
			.filter((line) => line.includes("cannot be made"));
		expect(told.length).toBeLessThanOrEqual(2 * 2);
		return failed;
	}

	/** Why the last one at that address got no link; as soon as that matches. */
	async function refusal(address: string, reason: RegExp): Promise<string> {
		const found = await waitFor(`a refusal ${reason}`, async () => {
			const list = (await status("federation")).refusedLinks ?? [];
			const last = list.find((entry) => entry.address === address);
			if (!last || !reason.test(last.reason)) throw new Error(JSON.stringify(list));
			return last.reason;
		});
		const { lines } = federation().program("federation");
		expect(lines.some((line) => line.includes(`A link from ${address} is refused`) && reason.test(line))).toBe(true);
		return found;
	}

	test("are TLS 1.3, and status shows until when the certificate is valid", async () => {
		const links = await allUp();
		for (const { tls } of [...links, ...(await status("federation")).links]) expect(tls?.version).toBe("TLSv1.3");
		const until = new X509Certificate(world.linkFiles.certificate).validToDate.toISOString().replace(".000Z", "Z");
		for (const role of ["router", "federation"] as const) {
			expect((await status(role)).linkCertificate).toEqual({ notAfter: until });
		}
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "hello"));
	});

	test.each([
		["by another authority", /does not verify with the authority of this federation: .*(local issuer|self-signed)/],
		["for another name", /is not for links\.federation\.test\.xmppfed\.invalid/],
		["that has expired", /does not verify .*: certificate has expired/],
	] as const)("a router with a certificate %s gets none, and both sides say why", async (which, why) => {
		await router().mountLinkFiles(wrong[which]);
		await restartRouter();
		const told = new RegExp(`^Down: not-authorized \\(Refused by the federation connection manager: .*${why.source}`);
		expect(await failures(told)).toHaveLength(2);
		expect(await refusal(router().address, why)).toMatch(why);
	});

	test.each([
		["by another authority", /does not verify with the authority of this federation: .*(local issuer|self-signed)/],
		["for another name", /is not for links\.federation\.test\.xmppfed\.invalid/],
		["that has expired", /does not verify .*: certificate has expired/],
	] as const)(
		"a federation connection manager with a certificate %s gets none, and both sides say why",
		async (which, why) => {
			await router().mountLinkFiles(world.linkFiles);
			await federation().mountLinkFiles(wrong[which]);
			expect(
				await failures(new RegExp(`^Down: the other side is refused: its certificate .*${why.source}`)),
			).toHaveLength(2);
			await waitFor("the federation connection manager to say why", () =>
				federation()
					.program("federation")
					.lines.some((line) => line.includes("Refused by the router") && why.test(line)),
			);
		},
	);

	test("the right certificates link without a restart", async () => {
		await federation().mountLinkFiles(world.linkFiles);
		expect(await allUp()).toHaveLength(2);
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "hello"));
	});

	test.each<[string, () => Parameters<typeof RawStream.connect>[2], RegExp]>([
		["without a certificate", () => ({}), /the TLS handshake failed: peer did not return a certificate/],
		[
			"without TLS",
			() => undefined,
			/the TLS handshake failed: wrong version number \(the other side does not speak TLS\)/,
		],
	])("who comes %s is refused, and is told nothing", async (_who, tls, why) => {
		using stream = await RawStream.connect(federation().address, podLayout.linkPort, tls());
		stream.send(streamHeader);
		await waitFor("the connection to be closed", () => stream.closed);
		expect(stream.received).not.toMatch(/<|id=/);
		await refusal(world.network.address(1), why);
	});

	test.each(["TLSv1.2"] as const)("%s is refused", async (version) => {
		const { certificate: cert, key } = world.linkFiles;
		const tls = { cert, key, maxVersion: version, rejectUnauthorized: false };
		const socket = tlsConnect({ host: federation().address, port: podLayout.linkPort, ...tls });
		expect(String(await once(socket, "error"))).toMatch(/alert protocol version/);
		await refusal(world.network.address(1), /unsupported protocol/);
	});

	test("a wrong secret with the right certificate is refused", async () => {
		const { certificate: cert, key } = world.linkFiles;
		using stream = await RawStream.connect(federation().address, podLayout.linkPort, { cert, key });
		stream.send(streamHeader);
		await stream.receive("<stream:stream");
		const id = /id='([^']+)'/.exec(stream.received)?.[1] ?? "";
		const digest = createHash("sha1").update(`${id}another secret`).digest("hex");
		stream.send(`<handshake>${digest}</handshake>`);
		await stream.receive("<not-authorized");
		await waitFor("the connection to be closed", () => stream.closed);
		expect(stream.received).not.toContain("<handshake");
		await refusal(world.network.address(1), /its link secret is wrong/);
	});

	test.each<[string, () => Promise<LinkFiles> | undefined, RegExp]>([
		["with a certificate of another authority", () => linkFiles(other), /its certificate does not verify/],
		["without TLS", () => undefined, /^wrong version number \(the other side does not speak TLS\)$/],
	])("the link secret is not used towards a server %s", async (_which, files, why) => {
		const own = world.network.address(1);
		const given = await files();
		const tls = given && { cert: given.certificate, key: given.key };
		const answer =
			"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>";
		const onStream = (stream: RawStream) => stream.send(answer);
		using listener = await RawListener.listen(own, podLayout.linkPort, onStream, tls);
		world.linked = ["gw-1"];
		await world.publish([`links.gateway.lab. A ${own}`]);
		await waitFor("the router to refuse the server", async () => {
			const tried = (await status("router")).links.filter(({ address }) => address === own);
			if (tried.length !== 2 || !tried.every(({ lastFailure }) => why.test(lastFailure?.reason ?? ""))) {
				throw new Error(JSON.stringify(tried));
			}
			return true;
		});
		await waitFor("several tries", () => listener.streams.length >= 4);
		for (const { received } of listener.streams) expect(received).not.toContain("handshake");
		await world.publish();
	});

	test("a new certificate: links that are up stay, messages cross all the while, and new links use it", async () => {
		const before = await allUp();
		const out = new Traffic(alice, bob, 100);
		const into = new Traffic(bob, alice, 100);
		const renewed = await linkFiles(authority);
		const soon = await linkFiles(authority, { now: new Date(Date.now() - 30 * day) });
		for (const files of [soon, renewed]) {
			const until = new X509Certificate(files.certificate).validToDate.toISOString().replace(".000Z", "Z");
			for (const node of world.nodes) await node.mountLinkFiles(files);
			for (const role of ["router", "federation"] as const) {
				await waitFor(`the ${role} to use it`, async () => (await status(role)).linkCertificate.notAfter === until);
			}
		}

		const own = world.network.address(1);
		const { certificate: cert, key } = renewed;
		const socket = tlsConnect({
			host: federation().address,
			port: podLayout.linkPort,
			cert,
			key,
			rejectUnauthorized: false,
		});
		await once(socket, "secureConnect");
		expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(fingerprint(renewed));
		socket.destroy();

		using listener = await RawListener.listen(own, podLayout.linkPort, undefined, { cert, key });
		await world.publish([`links.gateway.lab. A ${own}`]);
		const shown = await waitFor("the router's certificate", () => listener.streams[0]?.peerFingerprint);
		expect(shown).toBe(fingerprint(renewed));
		await world.publish();

		const results = await Promise.all([out.stop(1), into.stop(1)]);
		for (const result of results) expect(result).toMatchObject({ lost: 0, returned: 0, duplicated: 0, outOfOrder: 0 });
		expect(results.every(({ sent }) => sent > 300)).toBe(true);
		const of = (links: readonly Link[]) =>
			links
				.filter(({ address }) => address !== own)
				.map(({ domain, since }) => `${domain} since ${since}`)
				.toSorted();
		expect(of((await status("router")).links)).toEqual(of(before));
	});

	test("a new authority takes over step by step, and both sides link at each, whoever gets its files first", async () => {
		const next = await newAuthority();
		const [first, second, third] = [
			await linkFiles(authority, { trusted: [next, authority] }),
			await linkFiles(next, { trusted: [next, authority] }),
			await linkFiles(next),
		];
		for (const [files, firstNode, secondNode] of [
			[first, federation(), router()],
			[second, router(), federation()],
			[third, federation(), router()],
		] as const) {
			for (const node of [firstNode, secondNode]) {
				await node.mountLinkFiles(files);
				const role = node === router() ? "router" : "federation";
				const changed = () => node.program(role).lines.filter((line) => line.includes("use a new certificate")).length;
				const count = changed();
				if (role === "federation") await waitFor("the new files to be seen", () => changed() > count);
				await restartRouter();
				await allUp();
			}
		}
		// Without the steps between: the old certificate is worth nothing any more.
		await router().mountLinkFiles(world.linkFiles);
		await restartRouter();
		expect(await failures(/^Down: the other side is refused: its certificate does not verify/)).toHaveLength(2);
		await router().mountLinkFiles(third);
		await allUp();
	});

	test("files that cannot be used are told, and the ones before are used on", async () => {
		const broken = await linkFiles(authority);
		await federation().mountLinkFiles({ ...broken, key: (await linkFiles(authority)).key });
		await waitFor("the failure", async () => (await status("federation")).linkCertificate.failure !== undefined);
		const { failure, notAfter } = (await status("federation")).linkCertificate;
		expect(failure).toMatch(/link certificate in \/run\/xmppfed\/link cannot be used: .*(key|mismatch)/);
		expect(notAfter).toBeDefined();
		expect((await federation().inForce("federation")).linkCertificate).toEqual({ failure, notAfter });
		await restartRouter();
		await allUp();
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "hello"));
	});
});
