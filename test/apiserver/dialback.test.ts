import { randomInt } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { podLayout } from "../../src/gateway/layout.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { secrets } from "../../src/kubernetes/resources.ts";
import { keysInFlight } from "../../src/model/dialback-rotation.ts";
import { acceptedDialbackName } from "../../src/model/names.ts";
import { nodeLabel } from "../../src/objects/labels.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
/** Long enough for whatever the operator would still do. */
const quiet = 1_500;
const nodes = ["gw-1", "gw-2"] as const;

/** Plays what the processes of nodes say that they accept, each at the address that a test gives its pod. */
class PlayedProcesses {
	readonly addresses: ReadonlyMap<string, string>;
	readonly #accepted = new Map<string, readonly string[]>();

	static async start(): Promise<PlayedProcesses> {
		const block = `127.${1 + randomInt(250)}.${randomInt(255)}`;
		const played = new PlayedProcesses(new Map(nodes.map((node, index) => [node, `${block}.${index + 1}`])));
		for (const [node, address] of played.addresses) {
			await played.#serve(node, "router", address, podLayout.routerHttpPort);
			await played.#serve(node, "federation", address, podLayout.federationHttpPort);
		}
		return played;
	}

	private constructor(addresses: ReadonlyMap<string, string>) {
		this.addresses = addresses;
	}

	say(node: string, role: "router" | "federation", accepted: readonly string[]): void {
		this.#accepted.set(`${node}/${role}`, accepted);
	}

	sayAll(accepted: readonly string[]): void {
		for (const node of nodes) for (const role of ["router", "federation"] as const) this.say(node, role, accepted);
	}

	async #serve(node: string, role: "router" | "federation", address: string, port: number): Promise<void> {
		const server = createServer((_request, response) => {
			const accepted = this.#accepted.get(`${node}/${role}`);
			const upstreams = role === "router" ? [{ domain: "example.com", reachable: true }] : [];
			response.end(JSON.stringify({ role, upstreams, ...(accepted && { dialback: { accepted } }) }));
		});
		await new Promise<void>((resolve) => server.listen(port, address, resolve));
		onTestFinished(() => {
			server.close();
			server.closeAllConnections();
		});
	}
}

/** A federation of two nodes that run, and an operator whose clock the test sets. */
async function setup(spec: Record<string, unknown> = {}) {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const processes = await PlayedProcesses.start();
	const clock = { ahead: 0 };
	const start = () => startOperator(namespace, {}, { now: () => new Date(Date.now() + clock.ahead) });
	let operator = start();
	const rollouts = new Rollouts(client, namespace, name);
	const giveAddresses = async () => {
		for (const [node, address] of processes.addresses) await rollouts.giveAddress(node, address);
	};
	await client.create(federations, federation(namespace, name, spec));
	return {
		client,
		namespace,
		processes,
		rollouts,
		giveAddresses,
		operator: () => operator,
		carryThrough: async () => {
			await rollouts.carryThrough();
			await giveAddresses();
		},
		/** Ends the operator in the middle of whatever it does; another one goes on. */
		replace: async () => {
			await operator.kill();
			operator = start();
		},
		/** The operator looks at each federation when something is due; here it does when it is asked to. */
		passTime: async (milliseconds: number) => {
			clock.ahead += milliseconds;
			await rollouts.annotate({ clock: `${clock.ahead}` });
		},
		/** Ids of the accepted secrets, and their values. */
		accepted: async () => {
			const { data = {} } = (await client.get(secrets, namespace, acceptedDialbackName(name))) ?? {};
			return new Map(Object.entries(data));
		},
	};
}

async function writeSecret(client: KubernetesClient, namespace: string, value: string): Promise<void> {
	const metadata = { name: "dialback", namespace };
	await client.apply(secrets, { apiVersion: "v1", kind: "Secret", metadata, data: { secret: value } }, { force: true });
}

/** Values that nodes make keys with. */
async function used(client: KubernetesClient, namespace: string): Promise<ReadonlySet<string>> {
	const { items } = await client.list(secrets, { namespace, labelSelector: nodeLabel });
	return new Set(items.map(({ data }) => data?.["dialback-secret"] ?? ""));
}

const [before, after] = [base64("the dialback secret before"), base64("the dialback secret after")];
const given = { security: { dialback: { secretRef: { name: "dialback" } } } };

describe("another dialback secret", () => {
	test.each([
		["one operator", false],
		["an operator that is killed at each step", true],
	])(
		"is accepted by every process, then used, then the only one, with %s",
		async (_what, killed) => {
			const world = await setup(given);
			const { client, namespace, processes, rollouts } = world;
			await writeSecret(client, namespace, before);
			await world.carryThrough();
			expect([...(await world.accepted()).values()]).toEqual([before]);
			const [old = ""] = (await world.accepted()).keys();
			processes.sayAll([old]);
			const revisions = await rollouts.revisions();

			await writeSecret(client, namespace, after);
			if (killed) await world.replace();
			const ids = await eventually(async () => {
				const accepted = await world.accepted();
				return accepted.size === 2 && [...accepted.keys()];
			}, "both to be accepted");
			const says = async (text: string, message: RegExp) =>
				await eventually(async () => {
					const found = await condition(client, namespace, name, "Progressing");
					if (found?.text !== text || !message.test(found.message)) throw new Error(JSON.stringify(found));
					return true;
				}, message.source);
			await says("True DialbackRotation", /waited for nodes gw-1, gw-2\.$/);

			processes.sayAll(ids);
			processes.say("gw-2", "federation", [old]);
			if (killed) await world.replace();
			await says("True DialbackRotation", /waited for node gw-2\.$/);
			await sleep(quiet);
			expect(await rollouts.revisions()).toEqual(revisions);
			expect([...(await used(client, namespace))]).toEqual([before]);

			processes.say("gw-2", "federation", ids);
			await eventually(async () => (await used(client, namespace)).has(after), "a node to use the new one");
			if (killed) await world.replace();
			await world.carryThrough();
			expect([...(await used(client, namespace))]).toEqual([after]);
			expect((await world.accepted()).size).toBe(2);
			const { finishedRollouts } = (await rollouts.live()).status ?? {};
			expect(finishedRollouts?.map(({ causes }) => causes.map(({ reason }) => reason))).toEqual([
				["DialbackSecretChanged"],
			]);
			// One restart for each node
			for (const [node, { generation }] of await rollouts.revisions()) {
				expect([node, generation]).toEqual([node, (revisions.get(node)?.generation ?? 0) + 1]);
			}

			if (killed) await world.replace();
			await sleep(quiet);
			expect((await world.accepted()).size).toBe(2);
			const through = await rollouts.revisions();
			await world.passTime(keysInFlight);
			await eventually(async () => (await world.accepted()).size === 1, "the old one to be dropped");
			expect([...(await world.accepted()).values()]).toEqual([after]);
			expect(await rollouts.revisions()).toEqual(through);
		},
		60_000,
	);

	test("is not waited for where a process cannot say what it accepts, but for some minutes", async () => {
		const world = await setup(given);
		const { client, namespace, processes } = world;
		await writeSecret(client, namespace, before);
		await world.carryThrough();
		await writeSecret(client, namespace, after);
		const ids = await eventually(
			async () => (await world.accepted()).size === 2 && [...(await world.accepted()).keys()],
			"both",
		);
		processes.say("gw-1", "router", ids);
		processes.say("gw-1", "federation", ids);
		await sleep(quiet);
		expect([...(await used(client, namespace))]).toEqual([before]);
		await world.passTime(10 * 60_000);
		await eventually(async () => (await used(client, namespace)).has(after), "a node to use the new one");
	});

	test("is made where the annotation asks for one, once for each time", async () => {
		const world = await setup();
		const { client, namespace, processes, rollouts } = world;
		await world.carryThrough();
		const [first = ""] = (await world.accepted()).values();
		const rotate = "xmppfed.dev/rotate-dialback";
		await rollouts.annotate({ [rotate]: "soon" });
		await eventually(async () => {
			const found = await condition(client, namespace, name, "Degraded");
			return found?.text === "True InvalidAnnotation" && found.message.includes("The dialback secret is not replaced");
		}, "the annotation to be objected to");
		expect((await world.accepted()).size).toBe(1);

		await rollouts.annotate({ [rotate]: new Date().toISOString() });
		const ids = await eventually(
			async () => (await world.accepted()).size === 2 && [...(await world.accepted()).keys()],
			"both",
		);
		const second = [...(await world.accepted()).values()].find((value) => value !== first) ?? "";
		expect(Buffer.from(second, "base64").toString()).toMatch(/^[0-9a-f]{64}$/);
		processes.sayAll(ids);
		await eventually(async () => (await used(client, namespace)).has(second), "a node to use the new one");
		await world.carryThrough();
		await world.passTime(0);
		await world.passTime(keysInFlight + 1000);
		await eventually(async () => (await world.accepted()).size === 1, "the old one to be dropped");
		expect([...(await world.accepted()).values()]).toEqual([second]);

		// Taken back, it stays; whatever is lost of it comes back from what runs.
		const revisions = await rollouts.revisions();
		await rollouts.annotate({ [rotate]: null });
		await client.delete(secrets, namespace, acceptedDialbackName(name));
		await eventually(async () => (await world.accepted()).size > 0, "the Secret again");
		await sleep(quiet);
		expect([...(await world.accepted()).values()]).toEqual([second]);
		expect(await rollouts.revisions()).toEqual(revisions);
		expect(JSON.stringify(world.operator().records)).not.toContain(second);
	});
});
