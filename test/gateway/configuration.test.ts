import fc from "fast-check";
import { expect, test } from "vitest";
import { parseXmppFederation } from "../../src/api/parse.ts";
import { federationConfiguration } from "../../src/gateway/federation.ts";
import { luaString } from "../../src/gateway/lua.ts";
import { routerConfiguration } from "../../src/gateway/router.ts";
import type { NodeIntent } from "../../src/model/intent.ts";
import { type ReadValue, readConfiguration } from "../lib/lua-configuration.ts";
import { scaled } from "../lib/scale.ts";
import { randomFederation } from "../resources/random-federations.ts";
import { modelled } from "../unit/fixtures/federation.ts";
import { Machine } from "./lib/machine.ts";
import { extractedRootfs } from "./lib/rootfs.ts";

/**
 * Runs each configuration as Prosody does, with nothing to call but what a configuration may use, and writes what came
 * of it: one line each, texts as hexadecimal digits, keys sorted.
 */
const reader = `
local function dump(value)
	if type(value) == "string" then return '"' .. value:gsub(".", function (c) return ("%02x"):format(c:byte()); end) .. '"'; end
	if type(value) ~= "table" then return tostring(value); end
	local parts = {};
	if #value > 0 then
		for index, item in ipairs(value) do parts[index] = dump(item); end
		return "[" .. table.concat(parts, ",") .. "]";
	end
	for key, item in pairs(value) do parts[#parts + 1] = dump(key) .. ":" .. dump(item); end
	table.sort(parts);
	return "{" .. table.concat(parts, ",") .. "}";
end
for _, text in ipairs(configurations) do
	local result = { scripts = {}, settings = {}, hosts = {} };
	local section = result.settings;
	local known = {
		Credential = function (name) return { credential = name }; end;
		RunScript = function (path)
			local script = { path = path };
			table.insert(result.scripts, script);
			return function (argument) script.argument = argument; return argument; end;
		end;
	};
	local function host(kind)
		return function (name)
			local entry = { kind = kind, name = name, type = "", settings = {} };
			table.insert(result.hosts, entry);
			section = entry.settings;
			return function (type) entry.type = type; end;
		end;
	end
	known.VirtualHost, known.Component = host("VirtualHost"), host("Component");
	local environment = setmetatable({}, { __index = known, __newindex = function (_, name, value) section[name] = value; end });
	assert(load(text, "=configuration", "t", environment))();
	print(dump(result));
end
`;

test("Lua itself reads of random federations what the strict reader reads", async () => {
	await using machine = await Machine.start("configuration", await extractedRootfs());
	const texts = fc
		.sample(randomFederation, scaled(400, 10_000))
		.flatMap(nodesOf)
		.flatMap((node) => [
			routerConfiguration(node),
			...(node.federation === "Enabled" ? [federationConfiguration(node)] : []),
		]);
	expect(texts.length).toBeGreaterThan(50);
	for (let at = 0; at < texts.length; at += 500) {
		const part = texts.slice(at, at + 500);
		const script = `local configurations = { ${part.map(luaString).join(", ")} };\n${reader}`;
		const output = await machine.exec(["lua5.4", "-"], { input: script });
		const read = part.map((text) => {
			const { scripts, settings, hosts } = readConfiguration(text);
			return dump({ scripts: [...scripts], settings, hosts: hosts.map((host) => ({ ...host })) });
		});
		expect(output.split("\n").slice(0, -1)).toEqual(read);
	}
});

function nodesOf({ name, spec }: { readonly name: string; readonly spec: unknown }): readonly NodeIntent[] {
	const metadata = { name, namespace: "chat", uid: "11111111-2222-3333-4444-555555555555", generation: 1 };
	const parsed = parseXmppFederation({ apiVersion: "xmppfed.dev/v1alpha1", kind: "XmppFederation", metadata, spec });
	if (!parsed.ok) return [];
	const { security: _ownSecrets, ...rest } = parsed.value.spec;
	return modelled({ ...parsed.value, metadata, spec: rest }).intent.nodes;
}

/** The same as `dump` in Lua. */
function dump(value: ReadValue): string {
	if (typeof value === "string") return `"${Buffer.from(value, "utf8").toString("hex")}"`;
	if (typeof value !== "object") return String(value);
	if (isList(value)) return value.length === 0 ? "{}" : `[${value.map(dump).join(",")}]`;
	const entries = Object.entries(value).map(([key, item]) => `${dump(key)}:${dump(item)}`);
	return `{${entries.toSorted((a, b) => (a < b ? -1 : 1)).join(",")}}`;
}

function isList(value: ReadValue): value is readonly ReadValue[] {
	return Array.isArray(value);
}
