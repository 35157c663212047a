import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { emailAddressFiles } from "../../src/gateway/layout.ts";
import { configMaps, events, networkPolicies, secrets } from "../../src/kubernetes/resources.ts";
import { emailAddressesName } from "../../src/model/names.ts";
import { loopbackCertificates } from "./certificates.ts";
import { baseDN, Directory, reader } from "./directory.ts";
import { condition, federation, federations, startOperator } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { PlayedGateways } from "./played-gateways.ts";
import { Rollouts } from "./rollout-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
const nodes = [{ name: "gw-1", federation: "Enabled" }, { name: "inside" }] as const;
const waiting = { timeout: 30_000, interval: 50 };

/** A federation whose routers say what mapping they have; the objects that it names are made before. */
class Scene {
	static async start(spec: Record<string, unknown>, objects: (scene: Scene) => Promise<void>): Promise<Scene> {
		const client = testClient();
		const namespace = await freshNamespace(client);
		const scene = new Scene(client, namespace);
		await PlayedGateways.start(
			client,
			namespace,
			nodes.map((node) => node.name),
		);
		await objects(scene);
		await client.create(federations, federation(namespace, name, { nodes, ...spec }));
		return scene;
	}

	readonly client: ReturnType<typeof testClient>;
	readonly namespace: string;
	readonly cluster: ReturnType<typeof playCluster>;
	readonly operator: ReturnType<typeof startOperator>;
	readonly rollouts: Rollouts;

	private constructor(client: Scene["client"], namespace: string) {
		this.client = client;
		this.namespace = namespace;
		this.cluster = playCluster(client, namespace);
		this.operator = startOperator(namespace);
		this.rollouts = new Rollouts(client, namespace, name);
	}

	async configMap(named: string, data: Record<string, string>): Promise<void> {
		const metadata = { name: named, namespace: this.namespace };
		await this.client.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data }, { force: true });
	}

	async secret(named: string, texts: Record<string, string>): Promise<void> {
		const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, base64(text)]));
		const metadata = { name: named, namespace: this.namespace };
		await this.client.apply(secrets, { apiVersion: "v1", kind: "Secret", metadata, data }, { force: true });
	}

	/** Waits until all nodes have a mapping of so many users. */
	async users(count: number): Promise<void> {
		await this.inForce(`True InForce: All 2 nodes have the addresses of ${count} users\\.`);
	}

	/** Waits until the condition says so. @param start pattern @returns its message */
	async inForce(start: string): Promise<string> {
		return await eventually(
			async () => {
				const found = await condition(this.client, this.namespace, name, "EmailAddressesInForce");
				const told = `${found?.text}: ${found?.message}`;
				if (!new RegExp(`^${start}`).test(told)) throw new Error(told);
				return found?.message;
			},
			`EmailAddressesInForce to be ${start}`,
			30_000,
		);
	}

	/** What routers are given, by file. */
	async given(): Promise<Record<string, string>> {
		const { items } = await this.client.list(secrets, { namespace: this.namespace });
		const mine = items.filter(({ metadata }) => metadata.name.startsWith(`${name}-email-addresses-`));
		const texts = mine.flatMap(({ data = {} }) => Object.entries(data));
		return Object.fromEntries(texts.map(([file, text]) => [file, Buffer.from(text, "base64").toString("utf8")]));
	}

	async pairs(): Promise<readonly string[]> {
		return ((await this.given())[emailAddressFiles.place(0)] ?? "").split("\n").slice(0, -1);
	}

	async degraded(): Promise<string | undefined> {
		return (await condition(this.client, this.namespace, name, "Degraded"))?.text;
	}

	/** All that the operator says: status, Events and its log. */
	async said(): Promise<string> {
		const told = (await this.client.list(events, { namespace: this.namespace })).items;
		return JSON.stringify([await this.rollouts.live(), told, this.operator.records]);
	}
}

/** A server that is no directory: it counts who connects. */
async function listen(): Promise<{ readonly url: string; readonly connections: () => number }> {
	let connections = 0;
	const server = createServer((socket) => {
		connections += 1;
		socket.destroy();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
	const { port } = server.address() as AddressInfo;
	return { url: `ldap://127.0.0.1:${port}`, connections: () => connections };
}

function base64(text: string): string {
	return Buffer.from(text, "utf8").toString("base64");
}

test("a mapping from several objects reaches nodes without a restart; a broken one is refused as a whole", async () => {
	const mappingRefs = [
		{ configMapRef: { name: "people" } },
		{ configMapRef: { name: "more", key: "list" } },
		{ secretRef: { name: "board" } },
	];
	const scene = await Scene.start({ emailAddresses: { mappingRefs } }, async (made) => {
		await made.configMap("people", { list: "alice = alice.smith@example.com\n" });
		await made.configMap("more", { list: "# nobody\n", other: "no mapping" });
	});
	// A federation whose mapping is not all there comes up, and says what is missing.
	expect(await scene.inForce("False EmailAddressesUnavailable")).toBe(
		'spec.emailAddresses.mappingRefs[2].secretRef: Secret "board" does not exist in this namespace. Create it, with one ' +
			'"user = address" a line. Until then nothing of users goes out or comes in.',
	);
	expect(await scene.degraded()).toBe("True EmailAddressesUnavailable");
	await eventually(async () => await scene.rollouts.is("Ready", "True AllNodesReady"), "Ready", 30_000);
	expect(await scene.given()).toEqual({});

	await scene.secret("board", { list: "Bob@example.com = Chair@Example.com" });
	await scene.users(2);
	const first = ["alice@example.com alice.smith@example.com", "bob@example.com chair@example.com"];
	expect(await scene.pairs()).toEqual(first);
	expect(await scene.degraded()).toBe("False AsExpected");
	expect((await scene.rollouts.live()).status).toMatchObject({ emailAddresses: { mappings: 2, nodesInForce: 2 } });

	// One address for two users: nothing changes, and both are named with their places.
	const before = await scene.given();
	await scene.configMap("more", { list: "\nalice = a@example.com\ncarol = chair@example.com\n" });
	expect(await scene.inForce("False EmailAddressesInvalid")).toBe(
		"spec.emailAddresses.mappingRefs[1].configMapRef: ConfigMap people, list line 1 and ConfigMap more, list line 2: " +
			"alice@example.com has two addresses, alice.smith@example.com and a@example.com. Keep one. " +
			"spec.emailAddresses.mappingRefs[2].secretRef: ConfigMap more, list line 3 and Secret board, list line 1: " +
			"carol@example.com and bob@example.com have one address, chair@example.com. Give each one of its own. " +
			"The mapping before stays in force until that is mended.",
	);
	expect(await scene.degraded()).toBe("True EmailAddressesInvalid");
	expect(await scene.given()).toEqual(before);
	const warned = async () => (await scene.client.list(events, { namespace: scene.namespace })).items;
	await eventually(
		async () => (await warned()).some(({ reason, type }) => reason === "EmailAddressesInvalid" && type === "Warning"),
		"an Event",
	);
	// It holds up nothing else.
	await scene.rollouts.patch({ spec: { networkPolicy: { enabled: false } } });
	await eventually(
		async () => (await scene.client.list(networkPolicies, { namespace: scene.namespace })).items.length === 0,
		"another setting to be carried out",
	);

	await scene.configMap("more", { list: "carol = carol@example.com\n" });
	await scene.users(3);
	expect(await scene.pairs()).toEqual([...first, "carol@example.com carol@example.com"]);

	// More than one Secret takes, and less again: what is not needed goes.
	const many = Array.from({ length: 20_000 }, (_, index) => `person-of-the-house-${index} = ${index}@example.com`);
	await scene.configMap("more", { list: many.join("\n") });
	await scene.users(20_002);
	expect(Object.keys(await scene.given()).toSorted()).toEqual(["0", "1", "index.json"]);
	await scene.configMap("more", { list: "" });
	await expect.poll(async () => await scene.given(), waiting).toEqual(before);
	await scene.users(2);
	expect(podsByNode(scene.cluster)).toEqual({ "gw-1": 1, inside: 1 });

	// Somebody takes a part away by hand.
	await scene.client.delete(secrets, scene.namespace, emailAddressesName(name, emailAddressFiles.place(0)));
	await expect.poll(async () => await scene.given(), waiting).toEqual(before);

	await scene.rollouts.patch({ spec: { emailAddresses: null } });
	await expect.poll(async () => await scene.given(), waiting).toEqual({});
	expect(podsByNode(scene.cluster)).toEqual({ "gw-1": 2, inside: 2 });
	expect(await condition(scene.client, scene.namespace, name, "EmailAddressesInForce")).toBeUndefined();
	const causes = async () => (await scene.rollouts.live()).status?.finishedRollouts?.[0]?.causes;
	const told = { reason: "EmailAddressesChanged", field: "spec.emailAddresses", from: "on", to: "off" };
	await expect.poll(causes, waiting).toMatchObject([told]);
});

const field = "spec\\.emailAddresses\\.ldap";
const unread = `False EmailAddressesUnavailable: ${field}: ldaps?://127\\.0\\.0\\.1:\\d+ could not be read:`;

test("a directory is followed; what it said last stands while it cannot be read", async () => {
	const people = Array.from({ length: 1_200 }, (_, index) => ({
		uid: `person${index}`,
		mail: [`p${index}@elsewhere.example`, `person.${index}@example.com`],
	}));
	const directory = await Directory.start(people);
	const credentials = { url: directory.url, username: reader.dn, password: reader.password };
	const scene = await Scene.start(
		{
			rollout: { strategy: "Live" },
			emailAddresses: {
				mappingRefs: [{ configMapRef: { name: "more" } }],
				ldap: {
					url: directory.url,
					startTLS: true,
					trustedCAs: { configMapRef: { name: "authority" } },
					baseDN,
					bindSecretRef: { name: "bind" },
					refreshSeconds: 10,
				},
			},
		},
		async (made) => {
			await made.configMap("more", { list: "alice = alice.smith@example.com\n" });
			await made.configMap("authority", { "ca.crt": directory.authority });
			await made.secret("bind", credentials);
		},
	);
	await scene.users(1_201);
	expect(await scene.pairs()).toContain("person1199@example.com person.1199@example.com");

	await directory.add({ uid: "newcomer", mail: ["new.comer@example.com"] });
	await expect.poll(async () => await scene.pairs(), waiting).toContain("newcomer@example.com new.comer@example.com");
	await scene.users(1_202);

	await directory.add({ uid: "double", mail: ["person.7@example.com"] });
	expect(await scene.inForce("False EmailAddressesInvalid")).toContain(
		`LDAP entry "uid=double,${baseDN}" and LDAP entry "uid=person7,${baseDN}": double@example.com and ` +
			"person7@example.com have one address, person.7@example.com. Give each one of its own.",
	);
	const narrowed = { filter: "(&(mail=*)(!(uid=double)))" };
	await scene.rollouts.patch({ spec: { emailAddresses: { ldap: narrowed } } });
	await scene.users(1_202);

	// The other sources are followed meanwhile.
	await directory.stop();
	await scene.inForce(`${unread} connect ECONNREFUSED 127\\.0\\.0\\.1:\\d+\\. It is tried`);
	expect(await scene.degraded()).toBe("True EmailAddressesUnavailable");
	await scene.configMap("more", { list: "bob = bob.jones@example.com\n" });
	await expect.poll(async () => (await scene.pairs())[0], waiting).toBe("bob@example.com bob.jones@example.com");
	expect(await scene.pairs()).toHaveLength(1_202);
	await directory.start();
	await scene.users(1_202);
	expect(await scene.degraded()).toBe("False AsExpected");

	await scene.secret("bind", { ...credentials, password: "not the right one" });
	await scene.inForce(
		`${unread} Invalid Credentials \\(Code: 0x31\\)\\. It is tried again and again\\. The mapping before`,
	);
	await scene.secret("bind", { url: directory.url, username: reader.dn });
	await scene.inForce(
		`False EmailAddressesUnavailable: ${field}\\.bindSecretRef: Secret "bind" has no username or no `,
	);

	// No password goes to a server that its Secret does not name.
	const elsewhere = await listen();
	await scene.secret("bind", credentials);
	await scene.users(1_202);
	await scene.rollouts.patch({
		spec: { emailAddresses: { ldap: { url: elsewhere.url, startTLS: null, trustedCAs: null } } },
	});
	expect(await scene.inForce("False EmailAddressesUnavailable")).toBe(
		`spec.emailAddresses.ldap.bindSecretRef: Secret "bind" does not say that it is for ${elsewhere.url}. If it is, put that ` +
			"there with the key url. The mapping before stays in force until that is mended.",
	);
	expect(elsewhere.connections()).toBe(0);
	await scene.secret("bind", { ...credentials, url: elsewhere.url });
	await expect.poll(elsewhere.connections, waiting).toBeGreaterThan(0);

	// ldaps, and a directory that somebody else certified.
	const trustedCAs = { configMapRef: { name: "authority" } };
	await scene.rollouts.patch({ spec: { emailAddresses: { ldap: { url: directory.tlsUrl, trustedCAs } } } });
	await scene.secret("bind", { ...credentials, url: directory.tlsUrl });
	await scene.users(1_202);
	await scene.configMap("authority", { "ca.crt": (await loopbackCertificates()).ca });
	await scene.inForce(`${unread} certificate signature failure`);
	expect(await scene.pairs()).toHaveLength(1_202);
	expect(podsByNode(scene.cluster)).toEqual({ "gw-1": 1, inside: 1 });
	for (const secret of [reader.password, "not the right one"]) {
		expect(await scene.said()).not.toContain(JSON.stringify(secret).slice(1, -1));
	}
}, 120_000);
