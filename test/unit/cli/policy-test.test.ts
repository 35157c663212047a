import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../deploy/generate.ts";
import { policyTest } from "../../../src/cli/policy-test.ts";
import { plain } from "../../../src/cli/terminal.ts";

/** Asks about a domain where there is no cluster. */
async function ask(domain: string, file: string) {
	const printed: string[] = [];
	const code = await policyTest.run([domain, "-f", "policy.yaml", "--kubeconfig", "/nowhere"], {
		print: async (text) => void printed.push(text),
		note: (text) => void printed.push(text),
		read: async () => await Promise.resolve(file),
		paint: plain,
		isInteractive: false,
		now: () => new Date(),
	});
	return { code, lines: printed.join("\n").split("\n") };
}

test("a file that has the policy and its lists is asked without a cluster", async () => {
	const sample = await readFile(join(root, "deploy/samples/policy.yaml"), "utf8");
	expect(await ask("b\u00fccher.example", sample)).toEqual({
		code: 0,
		lines: [
			"FederationPolicy partners, about b\u00fccher.example",
			"DIRECTION  DECISION  BECAUSE",
			"in         Allow     exception *.xn--bcher-kva.example in ConfigMap more-partners: Allow",
			"out        Allow     exception *.xn--bcher-kva.example in ConfigMap more-partners: Allow",
		],
	});
	const [policy = ""] = sample.split(/^---$/m).filter((document) => document.includes("kind: FederationPolicy"));
	await expect(ask("b\u00fccher.example", policy)).rejects.toThrow("no cluster to talk to");
});

test.each(["alice@partner.example", "alice@partner.example/phone", "https://partner.example/"])(
	"%s is no domain, and not answered as one",
	async (text) => {
		await expect(ask(text, "")).rejects.toThrow(`DOMAIN is one such as partner.example, not "${text}"`);
	},
);
