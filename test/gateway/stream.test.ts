import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Machine } from "./lib/machine.ts";
import { extractedRootfs } from "./lib/rootfs.ts";

/**
 * xmppfed_stream.lua against Prosody's own util.xmppstream: both read the same bytes. What they tell must be the same,
 * and what a stanza is, cloned, taken apart, or written and read again on a server stream and on a link.
 */

const here = dirname(fileURLToPath(import.meta.url));
const streams = "http://etherx.jabber.org/streams";
const header = `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='${streams}' xmlns:db='jabber:server:dialback' to='a' from='b' id='x' version='1.0'>`;
const message = `<message to='\u00e9@a/r' from="b@c" id='1'><body>x &lt; \u00e9</body><x xmlns='jabber:x:oob'><url a='&quot;'/></x></message>`;

interface Case {
	readonly pieces: readonly (string | Buffer)[];
	/** Stanzas whose content must stay bytes. */
	readonly folded: number;
	/** The stream restarts after an element of that name. */
	readonly restart?: string;
}

const prefixes = (count: number) => Array.from({ length: count }, (_, n) => `xmlns:aaaa${n}='x'`).join(" ");

function slices(text: string, size: number): Buffer[] {
	const bytes = Buffer.from(text);
	return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

const cases: Readonly<Record<string, Case>> = {
	"a message": { pieces: [header, message], folded: 1 },
	"bytes that come one by one": {
		pieces: [...Buffer.from(`${header}${message}${message}  ${message}<presence/></stream:stream>`)].map((byte) =>
			Buffer.from([byte]),
		),
		folded: 4,
	},
	"stanzas without content": {
		pieces: [header, "<presence from='a' to='b'/><iq type='get' id='1'/> <message></message>"],
		folded: 3,
	},
	"a prefix of the stream header, on an element": { pieces: [header, "<message><db:y/></message>"], folded: 0 },
	"a prefix of the stream header, on an attribute": { pieces: [header, "<message><x db:z='1'/></message>"], folded: 0 },
	"the default namespace below a prefix of its own": {
		pieces: [
			header,
			"<message><x xmlns='u'><f:x xmlns:f='v' xmlns='jabber&#58;server'><y/></f:x></x><f:x xmlns:f='u'><y/></f:x></message>",
		],
		folded: 0,
	},
	"a prefix of its own": {
		pieces: [header, "<message><f:x xmlns:f='u' f:a='1'><f:y/></f:x></message>"],
		folded: 0,
	},
	"a prefix that the stanza declares": {
		pieces: [header, "<message xmlns:f='u' f:a='1'><f:x/></message>"],
		folded: 0,
	},
	"the stream's namespace, named": { pieces: [header, "<message><body xmlns='jabber:server'/></message>"], folded: 0 },
	"the other stream's namespace, named": {
		pieces: [header, "<message><y xmlns='jabber:component:accept'><z xmlns='jabber:server'/></y></message>"],
		folded: 0,
	},
	"no namespace": { pieces: [header, "<message><y xmlns=''><z/></y></message>"], folded: 1 },
	"a stanza of another namespace": { pieces: [header, "<message xmlns='jabber:client'><body/></message>"], folded: 0 },
	CDATA: { pieces: [header, "<message><body><![CDATA[<x>]]></body></message>"], folded: 0 },
	languages: {
		pieces: [header.replace("id=", "xml:lang='nl' id="), message, "<message xml:lang='de'/><db:result>k</db:result>"],
		folded: 2,
	},
	quotes: { pieces: [header, `<message a='>' b="'">' " &amp; \t\n &#x20;<x y='>'/>tail</message>`], folded: 1 },
	"stream features, dialback and SASL": {
		pieces: [
			header,
			"<stream:features><m xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><n>EXTERNAL</n></m></stream:features>",
			"<db:result from='a' to='b'>key</db:result><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</auth>",
		],
		folded: 0,
	},
	"a stream error": {
		pieces: [
			header,
			"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
		],
		folded: 0,
	},
	"a restart": { pieces: [header, "<success/>", header, message], folded: 1, restart: "success" },
	"a restart within one piece": { pieces: [header, `<success/>${header}${message}`], folded: 0, restart: "success" },
	"another default namespace": {
		pieces: [
			`<stream:stream xmlns='other' xmlns:s='jabber:server' xmlns:stream='${streams}'>`,
			"<s:message a='1'><body/><s:body/></s:message><message/><s:message/>",
		],
		folded: 0,
	},
	"a prefix that is the name of a stanza": {
		pieces: [
			`<stream:stream xmlns='other' xmlns:iq='jabber:server' xmlns:stream='${streams}'>`,
			"<iq:iq id='1'><query/></iq:iq>",
		],
		folded: 0,
	},
	"more prefixes than content is searched for": {
		pieces: [header.replace("id=", `${prefixes(3_000)} id=`), "<message><body>a: b</body></message>"],
		folded: 0,
	},
	"a prefix as long as a header can be": {
		pieces: [
			header
				.replaceAll("stream:stream", `${"p".repeat(25_000)}:stream`)
				.replace("xmlns:stream", `xmlns:${"p".repeat(25_000)}`),
			message,
		],
		folded: 1,
	},
	"more than one parser reads, in pieces and with names that are all different": {
		pieces: [
			header,
			...slices(
				Array.from(
					{ length: 1_000 },
					(_, n) => `<message id='${n}'><x${n}>\u00e9${"x".repeat(n)}</x${n}></message> `,
				).join(""),
				997,
			),
		],
		folded: 1_000,
	},
	"more than one parser reads, and is made elements": {
		pieces: [
			header,
			...Array.from({ length: 500 }, (_, n) => `<message id='${n}'><x><![CDATA[${"x".repeat(n)}]]></x></message>`),
		],
		folded: 0,
	},
	"what looks like declarations in an attribute": {
		pieces: [`<stream:stream id=" xmlns:q='z' xmlns='y'" xmlns='jabber:server' xmlns:stream='${streams}'>`, message],
		folded: 1,
	},
	"tags that do not match": { pieces: [header, "<message><body></message>"], folded: 0 },
	"an unknown entity": { pieces: [header, "<message>&foo;</message>"], folded: 0 },
	"an unbound prefix": { pieces: [header, "<message><foo:bar/></message>"], folded: 0 },
	"a control character": { pieces: [header, "<message>\u0001</message>"], folded: 0 },
	"no UTF-8": { pieces: [header, Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0xfe])], folded: 0 },
	"a comment": { pieces: [header, "<message><!-- x --></message>"], folded: 0 },
	"a processing instruction": { pieces: [header, "<?php x?>"], folded: 0 },
	"a document type": { pieces: ["<?xml version='1.0'?><!DOCTYPE a><a/>"], folded: 0 },
	"another encoding": { pieces: ["<?xml version='1.0' encoding='iso-8859-1'?>", header.slice(21)], folded: 0 },
	"no stream": { pieces: ["<html>"], folded: 0 },
	"text between stanzas": { pieces: [header, `abc${message}`], folded: 1 },
	"an unfinished stanza over the limit": { pieces: [header, `<message>${"x".repeat(20_000)}`], folded: 0 },
	"an unfinished stanza below the limit": {
		pieces: [header, `<message>${"x".repeat(9_000)}</message><message>${"x".repeat(9_000)}`],
		folded: 1,
	},
	"blanks over the limit": {
		pieces: [header, ...Array.from({ length: 5 }, () => " ".repeat(5_000)), message],
		folded: 1,
	},
};

describe("a stream as Prosody reads it", () => {
	let machine: Machine;

	beforeAll(async () => {
		machine = await Machine.start("lua", await extractedRootfs());
		for (const [name, file] of [
			["stream.lua", join(here, "lib/stream.lua")],
			["stream-memory.lua", join(here, "lib/stream-memory.lua")],
			["xmppfed_stream.lua", join(here, "../../deploy/gateway/modules/xmppfed_stream.lua")],
		] as const) {
			await machine.write(`/srv/${name}`, await readFile(file));
		}
	});

	afterAll(async () => {
		await machine?.[Symbol.asyncDispose]();
	});

	/** For each case "same N folded M" or "differs: ...". */
	async function compare(list: readonly Omit<Case, "folded">[]): Promise<string[]> {
		const lines = list.flatMap(({ pieces, restart }) => [
			"CASE",
			...(restart === undefined ? [] : [`RESTART ${restart}`]),
			...pieces.map((piece) => `DATA ${Buffer.from(piece).toString("hex")}`),
		]);
		const output = await machine.exec(["lua5.4", "/srv/stream.lua", "/srv/xmppfed_stream.lua"], {
			input: `${lines.join("\n")}\n`,
		});
		return output.split("\n").slice(0, -1);
	}

	test("each case, and what stays bytes", async () => {
		const results = await compare(Object.values(cases));
		const told = Object.keys(cases).map((name, index) => [name, results[index]?.replace(/^same \d+ /, "")]);
		expect(Object.fromEntries(told)).toEqual(
			Object.fromEntries(Object.entries(cases).map(([name, { folded }]) => [name, `folded ${folded}`])),
		);
	});

	test("a stanza over the limit is refused also where it comes in one piece, which Prosody lets pass", async () => {
		const [result] = await compare([{ pieces: [header, `<message>${"x".repeat(20_000)}</message>`] }]);
		expect(result).toMatch(/^differs: fed stanza-too-large instead of <message/);
	});

	test("names that are all different leave nothing behind", async () => {
		const output = await machine.exec(["lua5.4", "/srv/stream-memory.lua", "/srv/xmppfed_stream.lua"]);
		const [folded, made] = output.split("\n").map((line) => Number(/^(\d+) MiB$/.exec(line)?.[1]));
		// Of 8 MiB each; Expat by itself would hold more than 100 MiB of each
		expect(folded).toBeLessThan(40);
		expect(made).toBeLessThan(60);
	});

	test("random stanzas, cut anywhere", async () => {
		const results = await compare(fc.sample(randomStreams, 1_500));
		expect(results.filter((result) => !result.startsWith("same "))).toEqual([]);
		const folded = results.filter((result) => !result.endsWith("folded 0"));
		expect(folded.length).toBeGreaterThan(200);
	});

	test("UTF-16, which is no XMPP, is refused", async () => {
		const bytes = Buffer.from(`\ufeff${header.replace("<?xml version='1.0'?>", "")}${message}`, "utf16le");
		expect(await compare([{ pieces: [bytes] }])).toEqual([expect.stringContaining("error parse-error restricted-xml")]);
	});
});

const names = fc.constantFrom("body", "x", "message", "f:x", "db:x", "stream:error", "\u00e9");
const values = fc
	.array(
		fc.constantFrom("a", "&lt;", "&quot;", "'", ">", "db:", "jabber:server", "\u{1f600}", " xmlns:f=", "\n", "&#233;"),
	)
	.map((parts) => parts.join(""));
const attributes = fc
	.uniqueArray(
		fc.tuple(fc.constantFrom("to", "a", "xml:lang", "f:a", "db:a", "xmlns", "xmlns:f", "xmlns:db"), values),
		{ selector: ([name]) => name, maxLength: 3 },
	)
	.map((list) => list.map(([name, value]) => ` ${name}="${name.startsWith("xmlns:") ? "urn:f" : value}"`).join(""));
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
	element: fc
		.tuple(names, attributes, tie("content"))
		.map(([name, attrs, content]) => (content === "" ? `<${name}${attrs}/>` : `<${name}${attrs}>${content}</${name}>`)),
	content: fc
		.array(
			fc.oneof(
				{ depthSize: "small" },
				fc.constantFrom("text", "&amp;", "db:", "<![CDATA[<]]>", "]] >", " "),
				tie("element"),
			),
			{
				maxLength: 3,
			},
		)
		.map((parts) => parts.join("")),
}));
const plainAttributes = attributes.filter((text) => !text.includes(":"));
const stanza = fc
	.tuple(
		fc.constantFrom("message", "presence", "iq"),
		fc.oneof(plainAttributes, attributes),
		fc.array(element, { maxLength: 3 }),
	)
	.map(([name, attrs, children]) => `<${name}${attrs}>${children.join("")}</${name}>`);
const randomStreams = fc
	.tuple(fc.array(stanza, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(400), { maxLength: 5 }))
	.map(([stanzas, cuts]) => {
		const bytes = Buffer.from(header + stanzas.join(" "));
		const ends = [...new Set([...cuts.map((cut) => cut % bytes.length), bytes.length])].toSorted((a, b) => a - b);
		return { pieces: ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)) };
	});
