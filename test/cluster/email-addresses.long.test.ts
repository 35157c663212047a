import { xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publishServers } from "../../deploy/demo/cluster-dns.ts";
import { type Couple, internalUser, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { federationAddress } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { conferenceAlias, programmed } from "../lib/cluster/attached.ts";
import { images, useScene } from "../lib/cluster/environment.ts";
import { apply, liveFederation, rollOut } from "../lib/cluster/federation.ts";
import { runningPods } from "../lib/cluster/pods.ts";
import { startRooms } from "../lib/cluster/rooms.ts";

const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside" },
] as const;

/** Who has which address is taken over while nodes run, with either strategy. Each test goes on from the one before. */
describe.each(["Documented", "Live"] as const)("email addresses with the strategy %s", (strategy) => {
	const stage = useScene(`addresses-${strategy.toLowerCase()}`, { internalServer: "prosody", nodes: [...nodes] });
	const { namespace, domain } = stage.scene.internal;
	const federation = { namespace, name: stage.scene.federation };
	const user = `${internalUser.name}@${domain}`;
	const alias = `conference.${domain}`;
	let couple: Couple;

	beforeAll(async () => {
		await give(`alice.liddell@${domain}`);
		const emailAddresses = { mappingRefs: [{ configMapRef: { name: "people" } }] };
		const patch = { spec: { emailAddresses, rollout: { strategy } } };
		await rollOut(stage.kubectl, federation, () =>
			stage.kubectl.patch("xmppfederation", federation.name, namespace, patch),
		);
		await inForce();
		couple = await logIn(stage.scene, stage.addresses);
	});
	afterAll(async () => {
		await publishServers(stage.kubectl, `${namespace}-rooms`, undefined);
		if (couple) await logOut(couple);
	});

	/** The address of the user inside, for whom the mapping is. */
	async function give(address: string): Promise<void> {
		const data = { list: `${internalUser.name} = ${address}\n` };
		const metadata = { name: "people", namespace };
		const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
		await stage.kubectl.apply(configMap);
	}

	const status = async () => (await liveFederation(stage.kubectl, federation)).status;

	/** Waits until all routers have another mapping than this one, and gives its digest. */
	async function inForce(before?: string): Promise<string> {
		return await until(
			"the mapping to be in force at every node",
			async () => {
				const { conditions, emailAddresses } = (await status()) ?? {};
				const condition = conditions?.find(({ type }) => type === "EmailAddressesInForce");
				const digest = emailAddresses?.digest;
				return condition?.status === "True" && digest !== before ? digest : undefined;
			},
			{ timeout: 300_000, interval: 100, explain: async () => JSON.stringify(await status(), undefined, "\t") },
		);
	}

	/** A message from outside to the address arrives, and the answer comes from there. */
	async function crosses(address: string): Promise<void> {
		const { internal, remote } = couple;
		const arrived = await internal.receiveMessage(await remote.sendMessage(address, "to the address"));
		expect(arrived.attrs["to"]).toBe(user);
		const answer = await remote.receiveMessage(await internal.sendMessage(remote.jid, "from the address"));
		expect(String(answer.attrs["from"]).split("/")[0]).toBe(address);
	}

	test("a message to an address reaches the user, and the user is seen by the address; the own name is not known", async () => {
		await crosses(`alice.liddell@${domain}`);
		const { remote } = couple;
		expect(await remote.receiveError(await remote.sendMessage(user, "to the own name"))).toMatchObject({
			condition: "service-unavailable",
		});
	});

	test("another address is in force within seconds, and no pod is another", async () => {
		const running = async () => await runningPods(stage.kubectl, namespace, stage.scene.federation);
		const [before, pods] = [await inForce(), await running()];
		const startedAt = performance.now();
		await give(`alice.pleasance@${domain}`);
		await inForce(before);
		console.log(`${strategy}: in force at every node after ${Math.round(performance.now() - startedAt)} ms`);
		await crosses(`alice.pleasance@${domain}`);
		expect(await running()).toEqual(pods);
	});

	test("while every node restarts in its turn the user is seen by the address alone", async () => {
		const metadata = { annotations: { "xmppfed.dev/restart": new Date().toISOString() } };
		const over = new AbortController();
		const restarts = rollOut(stage.kubectl, federation, () =>
			stage.kubectl.patch("xmppfederation", federation.name, namespace, { metadata }),
		).finally(() => over.abort());
		let crossings = 0;
		for (; !over.signal.aborted; crossings++) await crosses(`alice.pleasance@${domain}`);
		expect(await restarts).toMatchObject([{ reason: "Requested", scope: "AllNodes" }]);
		console.log(`${strategy}: ${crossings} messages to the address and as many answers from it meanwhile`);
	});

	test("who invites to a room of an alias is known by the address, and in the room both talk", async () => {
		const { kubectl } = stage;
		const address = await federationAddress(kubectl, namespace, federation.name, "Public");
		await publishServers(kubectl, `${namespace}-rooms`, [{ domain: alias, hostname: `edge.${alias}`, address }]);
		await startRooms(kubectl, federation, { name: "chat", alias, image: images().xmppServer });
		const conference = conferenceAlias(federation, alias, "inside");
		await apply(kubectl, conference);
		// A certificate that has the alias may come before it, as a roll-out of its own.
		await programmed(kubectl, "chatnodealias", { namespace, name: conference.metadata.name });
		const { internal, remote } = couple;
		const room = `lounge@${alias}`;
		await internal.joinRoom(room, "alice");
		// XEP-0249: what the room itself passes on has the name in the room.
		const invitation = xml("x", { xmlns: "jabber:x:conference", jid: room });
		await internal.send(xml("message", { to: remote.jid, id: "invitation" }, invitation));
		const invited = await remote.receiveMessage("invitation");
		expect(invited.getChild("x", "jabber:x:conference")?.attrs.jid).toBe(room);
		expect(String(invited.attrs["from"]).split("/")[0]).toBe(`alice.pleasance@${domain}`);
		await remote.joinRoom(room, "bob");
		for (const [from, to, body] of [
			[remote, internal, "from outside"],
			[internal, remote, "from inside"],
		] as const) {
			await from.sendGroupchat(room, body);
			await to.receiveGroupchat(room, body);
		}
	});
});
