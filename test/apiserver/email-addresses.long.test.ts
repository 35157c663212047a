import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, onTestFinished, test } from "vitest";
import { bundleOperator } from "../../deploy/build.ts";
import { emailAddressFiles } from "../../src/gateway/layout.ts";
import { configMaps, secrets } from "../../src/kubernetes/resources.ts";
import { emailAddressesName } from "../../src/model/names.ts";
import { readEmailAddresses } from "../../src/objects/email-addresses.ts";
import { OperatorProcess } from "../lib/operator-process.ts";
import { base64 } from "../unit/fixtures/federation.ts";
import { baseDN, Directory, reader } from "./directory.ts";
import { condition, federation, federations } from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

const name = "example";
const count = 99_999;
const refreshSeconds = 10;
/** MiB: half of the memory limit that the manifests set, which is what Node gives its heap in such a container. */
const heap = 128;
/** Milliseconds in which a directory is read again and again. */
const several = 60_000;
const person = (index: number) => ({ uid: `person${index}`, mail: [`firstname.lastname.${index}@example.com`] });

test("100,000 people: what it takes of time and memory until routers can have them, from a directory and from ConfigMaps", {
	timeout: 1_200_000,
}, async () => {
	const people = Array.from({ length: count }, (_, index) => person(index));
	const directory = await Directory.start(people);
	const client = testClient();
	const namespace = await freshNamespace(client);
	const home = await mkdtemp(join(tmpdir(), "xmppfed-email-addresses-"));
	onTestFinished(async () => await rm(home, { recursive: true }));
	const bundle = join(home, "operator.mjs");
	const { bytes } = await bundleOperator(bundle);
	console.log(`bundle: ${(bytes / 1e6).toFixed(2)} MB`);

	const start = async () =>
		await OperatorProcess.start({
			bundle,
			kubeconfig: inject("kubeconfig"),
			log: join(home, "operator.log"),
			nodeArguments: [`--max-old-space-size=${heap}`],
			arguments: [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`],
		});
	const written = async () => {
		const index = await client.get(secrets, namespace, emailAddressesName(name, emailAddressFiles.index));
		return index && readEmailAddresses(index);
	};
	const becomes = async (mappings: number) =>
		await eventually(async () => (await written())?.mappings === mappings, `${mappings} users`, 300_000);
	const tell = async (operator: OperatorProcess, what: string, since?: number) => {
		const { now, own, most } = await operator.memory();
		const mebibytes = [now, own, most].map((part) => Math.round(part / 2 ** 20)).join(", ");
		const time = since === undefined ? "" : ` after ${((performance.now() - since) / 1000).toFixed(1)} s,`;
		const processor = (await operator.processorSeconds()).toFixed(1);
		console.log(`${what}:${time} MiB (now, own, most) ${mebibytes}; ${processor} s of processor time since its start`);
	};

	{
		await using operator = await start();
		await client.create(federations, federation(namespace, name));
		await eventually(
			async () => (await condition(client, namespace, name, "Accepted"))?.text === "True Accepted",
			"the federation to be accepted",
		);
		await tell(operator, "without addresses");
		const bind = {
			url: base64(directory.tlsUrl),
			username: base64(reader.dn),
			password: base64(reader.password),
		};
		const authority = { "ca.crt": directory.authority };
		await client.create(secrets, {
			apiVersion: "v1",
			kind: "Secret",
			metadata: { name: "bind", namespace },
			data: bind,
		});
		await client.create(configMaps, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: "authority", namespace },
			data: authority,
		});
		const ldap = {
			url: directory.tlsUrl,
			baseDN,
			bindSecretRef: { name: "bind" },
			trustedCAs: { configMapRef: { name: "authority" } },
			refreshSeconds,
		};
		let since = performance.now();
		await client.mergePatch(federations, namespace, name, { spec: { emailAddresses: { ldap } } });
		await becomes(count);
		await tell(operator, `${count} people of a directory`, since);
		await sleep(several);
		await tell(operator, `the same, read every ${refreshSeconds} s, nothing new`);
		since = performance.now();
		await directory.add(person(count));
		await becomes(count + 1);
		await tell(operator, "one more, with the wait for the next look", since);
		await directory.add(person(count + 1));
		await eventually(
			async () => (await condition(client, namespace, name, "EmailAddressesInForce"))?.text ?? "",
			"a condition",
		);
		await expect
			.poll(async () => (await condition(client, namespace, name, "EmailAddressesInForce"))?.message, {
				timeout: 120_000,
			})
			.toContain("more than 100000 entries that the filter matches, which is the most");
		expect((await written())?.mappings).toBe(count + 1);
	}

	await using operator = await start();
	const names = Array.from({ length: 10 }, (_, index) => `people-${index}`);
	for (const [place, metadataName] of names.entries()) {
		const lines = people
			.filter((_, index) => index % names.length === place)
			.map(({ uid, mail }) => `${uid} = ${mail[0]}`);
		const metadata = { name: metadataName, namespace };
		await client.create(configMaps, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata,
			data: { list: lines.join("\n") },
		});
	}
	const mappingRefs = names.map((configMap) => ({ configMapRef: { name: configMap } }));
	const since = performance.now();
	await client.mergePatch(federations, namespace, name, { spec: { emailAddresses: { ldap: null, mappingRefs } } });
	await becomes(count);
	await tell(operator, "these people from ten ConfigMaps, a new process", since);
});
