import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { policyCases } from "../resources/policy-cases.ts";
import { Machine } from "./lib/machine.ts";
import { extractedRootfs } from "./lib/rootfs.ts";

const hex = (text: string) => Buffer.from(text, "utf8").toString("hex");

test("the gateway decides as src/model/policy does", async () => {
	await using machine = await Machine.start("lua", await extractedRootfs());
	const modules = join(import.meta.dirname, "../../deploy/gateway/modules");
	await machine.write("/srv/ask.lua", await readFile(join(import.meta.dirname, "lib/policy-rules.lua")));
	await machine.write("/srv/rules.lua", await readFile(join(modules, "xmppfed_policy_rules.lib.lua")));
	const input = policyCases.flatMap(({ default: verdict, lines, decisions }) => [
		`RULES ${verdict}`,
		`LIST ${hex(lines.map((line) => `${line}\n`).join(""))}`,
		...decisions.map(([domain]) => `ASK ${hex(domain)}`),
	]);
	const output = await machine.exec(["lua5.4", "/srv/ask.lua", "/srv/rules.lua"], { input: `${input.join("\n")}\n` });
	const expected = policyCases.flatMap(({ decisions }) =>
		decisions.flatMap(([, incoming, outgoing, by = "-"]) => {
			const line = [incoming, outgoing, by].join("\t");
			return [line, line];
		}),
	);
	const asked = policyCases.flatMap(({ name, decisions }) =>
		decisions.flatMap(([domain]) => [`${name}: ${domain}`, `${name}: ${domain} again`]),
	);
	const answers = output.split("\n").slice(0, -1);
	expect(answers.map((answer, index) => [asked[index], answer])).toEqual(
		expected.map((answer, index) => [asked[index], answer]),
	);
});
