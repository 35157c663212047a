import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import { publishServers } from "../../deploy/demo/cluster-dns.ts";
import { internalUser, logIn, logOut, remoteUser } from "../../deploy/demo/conversation.ts";
import type { Kubectl } from "../../deploy/demo/kubectl.ts";
import {
	certificate,
	clientAddress,
	clusterAddress,
	federationAddress,
	makeNamespace,
	rolledOut,
} from "../../deploy/demo/stage.ts";
import { type XmppServer, xmppServerObjects, xmppServerServices } from "../../deploy/demo/xmpp-server.ts";
import { run } from "../../deploy/lib/commands.ts";
import { connect, images } from "../lib/cluster/environment.ts";
import type { Block } from "../lib/markdown.ts";
import { allPages } from "../lib/pages.ts";
import { isLong } from "../lib/scale.ts";

// docs/first-federation.md as somebody follows it who has an XMPP server in an empty namespace.

const path = "docs/first-federation.md";
const page = (await allPages()).get(path) ?? { blocks: [] };
/** As the page has them. */
const own = { namespace: "chat", name: "xmpp", domain: "example.com", roomsDomain: "conference.example.com" };
const partner = {
	namespace: "chat-partner",
	name: "prosody",
	domain: "partner.example",
	roomsDomain: "conference.partner.example",
	hostname: "xmpp.partner.example",
};

const programs = isLong ? (["ejabberd", "prosody"] as const) : (["ejabberd"] as const);

let kubectl: Kubectl;

beforeAll(async () => {
	kubectl = await connect();
	await buildKubectlPlugin();
	await makeNamespace(kubectl, partner.namespace);
	await startServer({ ...partner, program: "prosody", users: [remoteUser], encryption: "Required" });
	await publishPartner();
});

afterAll(async () => {
	await publishServers(kubectl, own.namespace, undefined);
	await kubectl.delete("namespace", partner.namespace, undefined, "--wait=false");
});

describe.each(programs)("with an internal server that is %s", (program) => {
	beforeAll(async () => {
		await makeNamespace(kubectl, own.namespace);
		await startServer({ ...own, program, users: [internalUser], encryption: "Optional" }, asPageSays(program));
	});
	afterAll(async () => await kubectl.delete("namespace", own.namespace));

	const commands = page.blocks.flatMap((block, index) => {
		const next = page.blocks[index + 1];
		return block.language === "sh" ? [{ line: block.line, script: block.text, printed: outputOf(next) }] : [];
	});

	test("the page has commands, each with what it prints", () => {
		expect(commands.length).toBeGreaterThan(6);
		expect(commands.filter(({ printed }) => printed === undefined)).toEqual([]);
	});

	// In order: each needs what those before have made.
	test.each(commands)(`${path}:$line prints what it says`, async ({ script, printed = "" }) => {
		// What a reader does between commands.
		if (script.includes("xmppfed check")) await publishOwn();
		if (script.includes("xmppfed peers")) await writeToEachOther();
		const { stdout } = await run(["bash", "-euo", "pipefail", "-c", script], {
			env: {
				KUBECONFIG: kubectl.cluster.kubeconfigPath,
				PATH: [
					dirname(kubectlPlugin),
					dirname(kubectl.cluster.kubectl),
					dirname(process.execPath),
					process.env["PATH"],
				].join(":"),
			},
		});
		expect(comparable(stdout)).toBe(comparable(printed));
	});
});

function outputOf(block: Block | undefined): string | undefined {
	return block?.language === "text" ? block.text : undefined;
}

/** Without what is another each time: addresses, times, counts, the node that a stream takes; and so widths, and rows. */
function comparable(text: string): string {
	const lines = text
		.trim()
		.replaceAll(/\b\d{1,3}(\.\d{1,3}){3}\b/g, "ADDRESS")
		.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
		.replaceAll(/\b\d{4}-\d\d-\d\d\b/g, "DATE")
		.replaceAll(/\b(\d+m)?\d+s$/gm, "AGE")
		.replaceAll(/\bgw-\d\b(?=.* TIME)/g, "gw-N")
		.replaceAll(/(?<=TIME +)\d+$/gm, "COUNT")
		.replaceAll(/ +/g, " ")
		.split("\n");
	return [...new Set(lines)].join("\n");
}

type Server = Omit<XmppServer, "image" | "certificate">;

async function startServer(server: Server, edit: (files: Files) => Files = (files) => files): Promise<void> {
	const { namespace, domain, roomsDomain } = server;
	const pem = await certificate(kubectl, namespace, [domain, roomsDomain]);
	const objects = xmppServerObjects({ ...server, image: images().xmppServer, certificate: pem });
	await kubectl.apply(
		...xmppServerServices(server),
		...objects.map((object) => ("stringData" in object ? { ...object, stringData: edit(object.stringData) } : object)),
	);
	await rolledOut(kubectl, namespace, server.name);
}

type Files = Readonly<Record<string, string>>;

/** The server's files with the settings of the page instead of the tests' own. */
function asPageSays(program: (typeof programs)[number]): (files: Files) => Files {
	const settings = page.blocks.find(({ language }) => language.endsWith(` ${program}`))?.text;
	if (settings === undefined) throw new Error(`${path} has no settings for ${program}`);
	if (program === "prosody") {
		return (files) => ({ ...files, "prosody.cfg.lua": settings + without(files["prosody.cfg.lua"], settings) });
	}
	return (files) => {
		const { s2s_use_starttls: _, ...before } = parse(files["ejabberd.yml"] ?? "");
		const { mod_s2s_dialback: __, ...modules } = before.modules;
		const added = parse(settings);
		return {
			...files,
			"ejabberd.yml": stringify({ ...before, ...added, modules: { ...modules, ...added.modules } }),
		};
	};
}

/** Lines of a configuration that do not set what others set. */
function without(configuration = "", settings: string): string {
	const names = settings.split("\n").map((line) => line.split(" =")[0]);
	return configuration
		.split("\n")
		.filter((line) => !names.includes(line.split(" =")[0]) || line === "")
		.join("\n");
}

async function publishPartner(): Promise<void> {
	const address = await clusterAddress(kubectl, partner.namespace, partner.name);
	await publishServers(kubectl, partner.namespace, [{ ...partner, address }]);
}

/** Does what the records say that the page has told to publish. */
async function publishOwn(): Promise<void> {
	const address = await federationAddress(kubectl, own.namespace, "example", "Public");
	await publishServers(kubectl, own.namespace, [{ ...own, hostname: "xmpp.example.com", address }]);
}

async function writeToEachOther(): Promise<void> {
	const addresses = {
		internal: await clientAddress(kubectl, own),
		remote: await clientAddress(kubectl, partner),
	};
	const couple = await logIn({ internal: own, remote: partner }, addresses);
	try {
		const { internal, remote } = couple;
		await remote.receiveMessage(await internal.sendMessage(remote.jid, "hello"));
		await internal.receiveMessage(await remote.sendMessage(internal.jid, "hello to you"));
	} finally {
		await logOut(couple);
	}
}
