import { parse } from "yaml";
import type { Resource } from "../../../src/kubernetes/object.ts";
import { configMaps, secrets } from "../../../src/kubernetes/resources.ts";
import { Directory, reader } from "../directory.ts";
import { condition, federation, federations } from "../operator-support.ts";
import { eventually, freshNamespace, testClient } from "../support.ts";
import { block, type Pages, playNodes, type Scene } from "./scene.ts";

/** The federation of the page, with a directory that is here. What is wrong comes one after the other, and goes again. */
export async function emailAddresses(pages: Pages): Promise<Scene> {
	const path = "docs/email-addresses.md";
	const client = testClient();
	const namespace = await freshNamespace(client);
	const directory = await Directory.start([{ uid: "ghill", mail: ["grace.hill@example.com"] }]);
	const apply = async (resource: Resource, name: string, data: Record<string, string>) => {
		const object = { apiVersion: "v1", kind: resource.kind, metadata: { name, namespace }, data };
		await client.apply(resource, object, { force: true });
	};
	const people = async (more: Record<string, string>) =>
		await apply(configMaps, "people", { list: block(pages, path, "# Sales"), ...more });
	const bind = async (password: string) =>
		await apply(secrets, "ldap-bind", { password: Buffer.from(password).toString("base64") });
	await apply(configMaps, "authority", { "ca.crt": directory.authority });
	await apply(secrets, "board", { list: Buffer.from("carol = chair@example.com").toString("base64") });
	await people({});

	const shown: { spec: { emailAddresses: { ldap: object } } } = parse(block(pages, path, "emailAddresses:"));
	const { ldap, ...others } = shown.spec.emailAddresses;
	const trustedCAs = { configMapRef: { name: "authority" } };
	const here = { ...others, ldap: { ...ldap, url: directory.url, startTLS: true, trustedCAs } };
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example", { ...shown.spec, emailAddresses: here }));
	const told = async () => (await condition(client, namespace, "example", "EmailAddressesInForce"))?.text;
	return {
		namespace,
		env: { PASSWORD: reader.password },
		toRun: (command) => command.replaceAll("ldaps://ldap.example.com", directory.url),
		toShow: (printed) => printed.replaceAll(directory.url, "ldaps://ldap.example.com"),
		before: async (printed) => {
			if (printed.includes("has two addresses")) {
				await eventually(async () => (await told()) === "True InForce", "a first mapping");
				await people({ more: block(pages, path, "alice = a@example.com") });
			}
			if (printed.includes("Invalid Credentials")) await Promise.all([people({}), bind("not the right one")]);
			if (printed.includes("users have one")) await bind(reader.password);
		},
	};
}
