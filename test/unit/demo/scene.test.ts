import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { demoScene, federationFile, federationOf, sceneNamed } from "../../../deploy/demo/scene.ts";
import { parseXmppFederation } from "../../../src/api/parse.ts";

test("the demo applies federation.yaml as it is written", async () => {
	expect(await federationOf(demoScene)).toEqual(parse(await readFile(federationFile, "utf8")));
});

test("the federations of other scenes are valid and share no domain with the demo's", async () => {
	const federation = await federationOf(sceneNamed("other"));
	expect(parseXmppFederation(federation)).toMatchObject({ ok: true });
	const text = JSON.stringify(federation);
	for (const name of ["demo-internal", '"example.lab"', "rooms.example.lab", "xmpp.example.lab"]) {
		expect(text).not.toContain(name);
	}
});
