import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import { internalUser, patientLogin, remoteUser } from "../../deploy/demo/conversation.ts";
import { gatewayStatuses } from "../../deploy/demo/gateway-status.ts";
import type { KubernetesObject } from "../../deploy/demo/kubectl.ts";
import { installOperator, OPERATOR_NAMESPACE } from "../../deploy/demo/operator.ts";
import { until } from "../../deploy/demo/until.ts";
import { run } from "../../deploy/lib/commands.ts";
import { conferenceAlias } from "../lib/cluster/attached.ts";
import { delegateZone, installBind } from "../lib/cluster/bind.ts";
import { images, useScene } from "../lib/cluster/environment.ts";
import {
	installDnsEndpointCrd,
	installExternalDns,
	pauseExternalDns,
	removeExternalDns,
	resumeExternalDns,
} from "../lib/cluster/external-dns.ts";
import { apply, condition, liveFederation, rollOut } from "../lib/cluster/federation.ts";
import { nodePortAddress } from "../lib/cluster/node-ports.ts";
import { type Peer, removePeer, startPeer } from "../lib/cluster/peer.ts";
import { allPods } from "../lib/cluster/pods.ts";
import { meet, startRooms } from "../lib/cluster/rooms.ts";
import type { StanzaError, XmppClient } from "../lib/xmpp/client.ts";

/**
 * The federation's records in a real DNS (R8, R18): the operator tells external-dns, which publishes them at a BIND, which
 * the operator and, through the cluster's DNS, the peers' servers ask. So a message crosses only where they are published:
 * it finds the way in by them, and by them a peer verifies who sent one out (dialback). Each test goes on from where the one
 * before it ended.
 */
const stage = useScene("dns", {
	internalServer: "prosody",
	nodes: [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
	],
});
const { namespace, domain, hostname } = stage.scene.internal;
const federation = { namespace, name: stage.scene.federation };
const service = `_xmpp-server._tcp.${domain}`;
const alias = `conference.${domain}`;
const bindNamespace = "dns-bind";
/** Seconds between two looks of external-dns. */
const interval = 10;
/** Seconds for which others may keep a record: as few as there may be. */
const ttl = 30;
/** The operator looks every five minutes while all is well. */
const untilNextLook = { timeout: 400_000 };

/** Each has two domains, so that there is one left without a stream when the records have drifted. */
const peers = (["prosody", "ejabberd"] as const).map((program): Peer & { readonly later: string } => {
	const own = `${program}-dns.lab`;
	const later = `later.${own}`;
	const rooms = `rooms.${own}`;
	return {
		name: program,
		namespace: `dns-${program}`,
		program,
		domain: own,
		moreDomains: [later],
		roomsDomain: rooms,
		later,
	};
});

let bind: Awaited<ReturnType<typeof installBind>>;
let alice: XmppClient;
/** The user of each domain of a peer. */
const bobs = new Map<string, XmppClient>();
/** Pods at the beginning. */
let before: ReadonlyMap<string, string>;

beforeAll(async () => {
	const { kubectl, scene } = stage;
	await buildKubectlPlugin();
	bind = await installBind(kubectl, bindNamespace, domain);
	await installOperator(kubectl, images(), { values: [`dnsServers={${bind.host}}`] });
	await delegateZone(kubectl, scene, bind);

	const { name: user, password } = internalUser;
	const inside = await nodePortAddress(kubectl, namespace, scene.internal.server);
	alice = await patientLogin({ user, password, domain, ...inside });
	for (const peer of peers) {
		await startPeer(kubectl, peer, images().xmppServer);
		const account = { user: remoteUser.name, password: remoteUser.password };
		const outside = await nodePortAddress(kubectl, peer.namespace, peer.name);
		for (const each of [peer.domain, peer.later]) {
			bobs.set(each, await patientLogin({ ...account, domain: each, ...outside }));
		}
	}
	await startRooms(kubectl, federation, { name: "chat", alias, image: images().xmppServer });
	// Then an alias restarts nothing.
	await rollOut(kubectl, federation, () => patch({ rollout: { strategy: "Live" } }));
	before = await pods();
});

afterAll(async () => {
	const { kubectl } = stage;
	for (const client of [alice, ...bobs.values()]) await client?.[Symbol.asyncDispose]();
	for (const peer of peers) await removePeer(kubectl, peer);
	await removeExternalDns(kubectl);
	await kubectl.delete("namespace", bindNamespace, undefined, "--wait=false");
	await installOperator(kubectl, images());
});

const patch = async (spec: object) => await stage.kubectl.patch("xmppfederation", federation.name, namespace, { spec });

/** The resolver is made anew when an alias comes or goes, one pod after the other. */
async function pods(): Promise<ReadonlyMap<string, string>> {
	const namespaces = [OPERATOR_NAMESPACE, namespace, bindNamespace, ...peers.map((peer) => peer.namespace)];
	return await allPods(stage.kubectl, namespaces, "xmppfed.dev/role!=resolver");
}

/** Waits until DNSPublished is that, and gives what it says. */
async function published(text: string, message?: RegExp, options?: typeof untilNextLook): Promise<string> {
	const [status = "", reason = ""] = text.split(" ");
	const wanted = { status, reason, ...(message && { message }) };
	const found = await condition(stage.kubectl, federation, "DNSPublished", wanted, options);
	return found.message;
}

/** What a person sees who asks whether the federation can be found, and the exit code. */
async function dnsCheck() {
	const path = [dirname(kubectlPlugin), dirname(process.execPath), process.env["PATH"]].join(":");
	const command = [stage.kubectl.cluster.kubectl, "xmppfed", "dns", "check", domain, "--server", bind.host];
	const { code, stdout } = await run(command, { env: { PATH: path }, accept: [0, 2] });
	return { code, text: stdout.replaceAll(/ +/g, " ") };
}

function bobAt(peerDomain: string): XmppClient {
	const bob = bobs.get(peerDomain);
	if (!bob) throw new Error(`there is no bob at ${peerDomain}`);
	return bob;
}

/** The error that a message comes back with; none where it arrives. */
async function fate(from: XmppClient, to: XmppClient): Promise<StanzaError | undefined> {
	const id = await from.sendMessage(to.fullJid, "hello");
	return await Promise.race([to.receiveMessage(id).then(() => undefined), from.receiveError(id)]);
}

/** Messages cross both ways; servers may hold for a moment that they had not found each other. */
async function cross(bob: XmppClient): Promise<void> {
	for (const [from, to] of [
		[bob, alice],
		[alice, bob],
	] as const) {
		let error: StanzaError | undefined;
		await until(
			`a message of ${from.jid} to arrive at ${to.jid}`,
			async () => {
				error = await fate(from, to);
				return !error;
			},
			{ explain: async () => JSON.stringify(error) },
		);
	}
}

/** Domains of peers that have a stream to the federation. */
async function incoming(): Promise<readonly (string | undefined)[]> {
	const statuses = await gatewayStatuses(stage.kubectl, namespace, federation.name, "federation");
	return statuses.flatMap(({ streams }) =>
		streams.filter(({ direction, local }) => direction === "incoming" && local === domain).map(({ peer }) => peer),
	);
}

test("before external-dns is there the records are missing, it is said, and no peer finds the federation", async () => {
	const { kubectl } = stage;
	await patch({ dns: { ttl, externalDNS: { enabled: true } } });
	await condition(kubectl, federation, "Degraded", { status: "True", reason: "ExternalDNSMissing" });
	expect(await published("False Missing")).toContain(
		`${service}. has no SRV record; it should be 0 0 5269 ${hostname}.`,
	);
	expect(await dnsCheck()).toMatchObject({ code: 2, text: expect.stringContaining("no server can find it") });
	for (const peer of peers) {
		expect(await fate(bobAt(peer.domain), alice)).toMatchObject({ condition: "remote-server-not-found" });
	}
});

test("external-dns comes: DNSPublished turns True by itself, and messages cross", async () => {
	const { kubectl } = stage;
	await installDnsEndpointCrd(kubectl);
	await installExternalDns(kubectl, { ...bind, interval });
	expect(await published("True Published")).toBe("Peers find every record of status.dnsRecords.");
	expect(await bind.dig(service, "SRV")).toEqual([`${service}. ${ttl} IN SRV 0 0 5269 ${hostname}.`]);
	expect((await dnsCheck()).text).toContain(`${domain} can be found: one server.`);
	for (const peer of peers) await cross(bobAt(peer.domain));
});

test("an alias is in DNS by itself, and peers come to its rooms; when it goes, it is not among the records any more", async () => {
	const { kubectl } = stage;
	const [owner, value] = [`_xmpp-server._tcp.${alias}`, `0 0 5269 ${hostname}.`];
	const record = `${owner}. ${ttl} IN SRV ${value}`;
	const told = async () => {
		const { status } = await liveFederation(kubectl, federation);
		return status?.dnsRecords?.some(({ name }) => name === `${owner}.`) ?? false;
	};
	await apply(kubectl, conferenceAlias(federation, alias, "gw-1"));
	await until("the alias's record in DNS", async () => (await bind.dig(owner, "SRV")).includes(record));
	await published("True Published");
	expect(await told()).toBe(true);
	for (const peer of peers) await meet({ internal: alice, remote: bobAt(peer.domain) }, alias, peer.name);

	await kubectl.delete("chatnodealias", "conference", namespace);
	await until("the alias's record to be told no more", async () => !(await told()));
	await published("True Published");
});

test("records drift by hand: what is and what should be is said; what had a stream goes on, and nobody else finds it", async () => {
	const { kubectl } = stage;
	const address = (await bind.dig(hostname, "A"))[0]?.split(" ").at(-1);
	await pauseExternalDns(kubectl);

	await bind.update(`update delete ${hostname} A`, `update add ${hostname} ${ttl} A 192.0.2.99`);
	const elsewhere = `${hostname}. is 192.0.2.99; it should be ${address}.`;
	expect(await published("False Drifted", undefined, untilNextLook)).toBe(elsewhere);
	expect((await dnsCheck()).text).toContain(`0 0 ${hostname} 5269 192.0.2.99`);

	await bind.update(`update delete ${service} SRV`, `update add ${service} ${ttl} SRV 0 0 5270 ${hostname}.`);
	const otherPort = `${service}. is 0 0 5270 ${hostname}.; it should be 0 0 5269 ${hostname}.`;
	expect(await published("False Drifted", /5270/)).toBe(`${otherPort} ${elsewhere}`);
	expect((await dnsCheck()).text).toContain(`0 0 ${hostname} 5270 192.0.2.99`);

	await bind.update(`update delete ${service} SRV`);
	const gone = `${service}. has no SRV record; it should be 0 0 5269 ${hostname}.`;
	expect(await published("False Missing")).toBe(`${gone} ${elsewhere}`);
	expect(await dnsCheck()).toMatchObject({ code: 2, text: expect.stringContaining("no server can find it") });

	for (const peer of peers) {
		await cross(bobAt(peer.domain));
		expect(await fate(bobAt(peer.later), alice)).toMatchObject({ condition: "remote-server-not-found" });
	}
});

test("external-dns repairs it: DNSPublished is True again, and those whom nobody found send by a new stream", async () => {
	const { kubectl } = stage;
	const late = peers.map(({ later }) => later);
	const alreadyThere = await incoming();
	expect(late.filter((each) => alreadyThere.includes(each))).toEqual([]);
	await resumeExternalDns(kubectl);
	await published("True Published");
	expect(await bind.dig(service, "SRV")).toEqual([`${service}. ${ttl} IN SRV 0 0 5269 ${hostname}.`]);
	expect((await bind.dig(hostname, "A")).join()).not.toContain("192.0.2.99");
	for (const each of late) await cross(bobAt(each));
	expect(await incoming()).toEqual(expect.arrayContaining(late));
	// The provider does not look for SRV records in the zone, so it takes none back, not that of the alias either.
	expect(await bind.dig(`_xmpp-server._tcp.${alias}`, "SRV")).toHaveLength(1);
});

test("Events have told of it, and nothing has restarted meanwhile", async () => {
	const { kubectl } = stage;
	interface Event extends KubernetesObject {
		readonly type: string;
		readonly reason: string;
		readonly involvedObject: { readonly kind: string };
	}
	const events = await kubectl.list<Event>("events", namespace);
	const told = events.filter(({ involvedObject }) => involvedObject.kind === "XmppFederation");
	expect(told.map(({ type, reason }) => `${type} ${reason}`)).toEqual(
		expect.arrayContaining(["Warning Missing", "Warning Drifted", "Normal MissingResolved"]),
	);
	expect(await pods()).toEqual(before);
});
