import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Couple, internalUser, logIn, logOut } from "../../deploy/demo/conversation.ts";
import type { LiveFederation } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { useScene } from "../lib/cluster/environment.ts";
import { runningPods } from "../lib/cluster/pods.ts";

const nodes = [{ name: "gw-1", federation: "Enabled" }, { name: "inside" }] as const;

/** Who has which address is taken over while nodes run, with either strategy. Each test goes on from the one before. */
describe.each(["Documented", "Live"] as const)("email addresses with the strategy %s", (strategy) => {
	const stage = useScene(`addresses-${strategy.toLowerCase()}`, { internalServer: "prosody", nodes: [...nodes] });
	const { namespace, domain } = stage.scene.internal;
	const user = `${internalUser.name}@${domain}`;
	let couple: Couple;

	beforeAll(async () => {
		await give(`alice.liddell@${domain}`);
		const emailAddresses = { mappingRefs: [{ configMapRef: { name: "people" } }] };
		const spec = { emailAddresses, rollout: { strategy } };
		await stage.kubectl.patch("xmppfederation", stage.scene.federation, namespace, { spec });
		await inForce();
		await until("the roll-out to be over", async () => (await federation()).status?.rollout === undefined, patience);
		couple = await logIn(stage.scene, stage.addresses);
	});
	afterAll(async () => couple && (await logOut(couple)));

	const patience = {
		timeout: 300_000,
		explain: async () => JSON.stringify((await federation()).status, undefined, "\t"),
	};

	/** The address of the user inside, for whom the mapping is. */
	async function give(address: string): Promise<void> {
		const data = { list: `${internalUser.name} = ${address}\n` };
		const metadata = { name: "people", namespace };
		const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
		await stage.kubectl.apply(configMap);
	}

	async function federation(): Promise<LiveFederation> {
		const found = await stage.kubectl.find<LiveFederation>("xmppfederation", stage.scene.federation, namespace);
		if (!found) throw new Error(`federation ${stage.scene.federation} is gone`);
		return found;
	}

	/** Waits until all routers have another mapping than this one, and gives its digest. */
	async function inForce(before?: string): Promise<string> {
		return await until(
			"the mapping to be in force at every node",
			async () => {
				const { status } = await federation();
				const condition = status?.conditions?.find(({ type }) => type === "EmailAddressesInForce");
				const digest = status?.emailAddresses?.digest;
				return condition?.status === "True" && digest !== before ? digest : undefined;
			},
			{ ...patience, interval: 100 },
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
});
