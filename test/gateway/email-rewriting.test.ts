import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scaled } from "../lib/scale.ts";
import { Machine } from "./lib/machine.ts";
import { extractedRootfs } from "./lib/rootfs.ts";

/** What the router makes of stanzas where users have email addresses (xmppfed_email_mapping, xmppfed_email_rewrite). */

/** Text that is one thing inside and another outside. */
interface Pair {
	readonly inside: string;
	readonly outside: string;
}

const localDomains = ["example.lab", "mail.lab", "m\u00fcnchen.lab", "conference.example.lab"];
const mapping = [
	["alice@example.lab", "alice.liddell@mail.lab"],
	// The address of one is the name of another.
	["bob@example.lab", "carol@example.lab"],
	["carol@example.lab", "caroline@mail.lab"],
	["dave@example.lab", "erin@example.lab"],
	["erin@example.lab", "dave@example.lab"],
	["frank@example.lab", "frank@example.lab"],
	["d\\27artagnan@example.lab", "d.artagnan@example.lab"],
	["j\u00f6rg@m\u00fcnchen.lab", "joerg+chat@mail.lab"],
] as const;
const bareJids: readonly Pair[] = [
	...mapping.map(([inside, outside]) => ({ inside, outside })),
	// Names that are not known outside, and addresses that are nobody's name.
	{ inside: "alice.liddell.xmppfed-unmapped@mail.lab", outside: "alice@example.lab" },
	{ inside: "alice.liddell@mail.lab", outside: "alice.liddell.xmppfed-unmapped@mail.lab" },
	{ inside: "caroline.xmppfed-unmapped@mail.lab", outside: "bob@example.lab" },
	{ inside: "caroline@mail.lab", outside: "caroline.xmppfed-unmapped@mail.lab" },
	...["unmapped@example.lab", "room@conference.example.lab", "alice@peer.lab", "alice\\40example.lab@gateway.lab"].map(
		same,
	),
];

function same(text: string): Pair {
	return { inside: text, outside: text };
}

function both({ inside, outside }: Pair, change: (text: string) => string): Pair {
	return { inside: change(inside), outside: change(outside) };
}

/** Pairs one after the other. */
function joined(parts: readonly (Pair | string)[]): Pair {
	const pairs = parts.map((part) => (typeof part === "string" ? same(part) : part));
	return { inside: pairs.map(({ inside }) => inside).join(""), outside: pairs.map(({ outside }) => outside).join("") };
}

const escaped = (text: string) =>
	text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;").replaceAll("'", "&apos;");
const uri = (jid: string) => `xmpp:${jid.replaceAll(/[^\w.~!$()*+,;=@-]/gu, encodeURIComponent)}`;

/** One example of each protocol, by what it is called in docs/email-addresses.md. U: a user, N: the same where it is no address. */
const examples: Readonly<Record<string, string>> = {
	"RFC 6120, an error that says where":
		"<error by='U'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:U</gone></error>",
	"XEP-0004, typed":
		"<x xmlns='jabber:x:data'><field var='a' type='jid-multi'><value>U/x</value><value>U</value></field></x>",
	"XEP-0004, reported":
		"<x xmlns='jabber:x:data'><reported><field var='who' type='jid-single'/></reported><item><field var='who'><value>U</value></field></item></x>",
	"XEP-0030": "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='U' node='N'/></query>",
	"XEP-0033": "<addresses xmlns='http://jabber.org/protocol/address'><address type='cc' jid='U/x'/></addresses>",
	"XEP-0045, an occupant":
		"<x xmlns='http://jabber.org/protocol/muc#user'><item jid='U/x' nick='N'><actor jid='U'/></item></x>",
	"XEP-0045, invited and declined":
		"<x xmlns='http://jabber.org/protocol/muc#user'><invite from='U' to='U'/><decline from='U' to='U'/></x>",
	"XEP-0045, a request for voice": "<x xmlns='jabber:x:data'><field var='muc#jid'><value>U/x</value></field></x>",
	"XEP-0054": "<vCard xmlns='vcard-temp'><JABBERID>U</JABBERID><EMAIL><USERID>N</USERID></EMAIL></vCard>",
	"XEP-0055": "<query xmlns='jabber:iq:search'><item jid='U'><nick>N</nick></item></query>",
	"XEP-0060":
		"<pubsub xmlns='http://jabber.org/protocol/pubsub'><affiliation jid='U'/><subscription jid='U'/><item publisher='U/x'/></pubsub>",
	"XEP-0065": "<query xmlns='http://jabber.org/protocol/bytestreams'><streamhost jid='U/x' host='h'/></query>",
	"XEP-0100": "<query xmlns='jabber:iq:gateway'><jid>U</jid></query>",
	"XEP-0133": "<x xmlns='jabber:x:data'><field var='accountjids'><value>U</value></field></x>",
	"XEP-0144": "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='U' name='N'/></x>",
	"XEP-0166": "<jingle xmlns='urn:xmpp:jingle:1' initiator='U/x' responder='U/x' sid='N'/>",
	"XEP-0203": "<delay xmlns='urn:xmpp:delay' from='U' stamp='2002-09-10T23:08:25Z'/>",
	"XEP-0249": "<x xmlns='jabber:x:conference' jid='room@conference.example.lab' reason='N'/>",
	"XEP-0277":
		"<entry xmlns='http://www.w3.org/2005/Atom'><author><uri>xmpp:U</uri></author><content>N</content></entry>",
	"XEP-0280 and XEP-0297":
		"<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='U/x' to='U'><body>N</body></message></forwarded></received>",
	"XEP-0283": "<moved xmlns='urn:xmpp:moved:1'><old-jid>U</old-jid></moved>",
	"XEP-0292": "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><impp><uri>xmpp:U</uri></impp></vcard>",
	"XEP-0313":
		"<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='with'><value>U</value></field></x></query>",
	"XEP-0359": "<stanza-id xmlns='urn:xmpp:sid:0' by='U' id='N'/>",
	"XEP-0369": "<mix xmlns='urn:xmpp:mix:core:1'><nick>N</nick><jid>U</jid></mix>",
	"XEP-0372": "<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:U?message'/>",
	"XEP-0384": "<encrypted xmlns='urn:xmpp:omemo:2'><header><keys jid='U'/></header><payload>N</payload></encrypted>",
	"XEP-0407": "<invitation xmlns='urn:xmpp:mix:misc:0'><inviter>U</inviter><invitee>U</invitee></invitation>",
	"XEP-0461": "<reply xmlns='urn:xmpp:reply:0' to='U/x' id='1'/>",
};

function example(text: string): Pair {
	const told = (user: string) => text.replaceAll(/\bU\b/gu, user).replaceAll(/\bN\b/gu, "alice@example.lab");
	return { inside: told("alice@example.lab"), outside: told("alice.liddell@mail.lab") };
}

describe("renaming", () => {
	let machine: Machine;

	beforeAll(async () => {
		machine = await Machine.start("lua", await extractedRootfs());
		const modules = join(import.meta.dirname, "../../deploy/gateway/modules");
		await machine.write("/srv/ask.lua", await readFile(join(import.meta.dirname, "lib/email-addresses.lua")));
		for (const name of files) await machine.write(`/srv/${name}`, await readFile(join(modules, name)));
	});

	afterAll(async () => {
		await machine?.[Symbol.asyncDispose]();
	});

	const files = ["xmppfed_stream.lua", "xmppfed_email_mapping.lib.lua", "xmppfed_email_rewrite.lib.lua"];

	async function ask(lines: readonly string[]): Promise<string[]> {
		const output = await machine.exec(["lua5.4", "/srv/ask.lua", ...files.map((name) => `/srv/${name}`)], {
			input: `${[`LOCAL ${localDomains.join(" ")}`, ...lines].join("\n")}\n`,
		});
		return output.split("\n").slice(0, -1);
	}

	async function compare(pairs: readonly Pair[]): Promise<string[]> {
		const lines = pairs.map(({ inside, outside }) => `PAIR ${hex(inside)} ${hex(outside)}`);
		const [count, ...results] = await ask([mappingLine(mapping), ...lines]);
		expect(count).toBe(`${mapping.length}`);
		return results;
	}

	test("every protocol that is named, each by an example", async () => {
		const pairs = Object.values(examples).map((text) => joined(["<message>", example(text), "</message>"]));
		const results = await compare(pairs);
		expect(Object.keys(examples).map((name, index) => [name, results[index]])).toEqual(
			Object.keys(examples).map((name) => [name, "same"]),
		);
		for (const { inside, outside } of pairs) expect(inside === outside).toBe(inside.includes("jabber:x:conference"));
	});

	test("a stanza that names nobody stays bytes, one that may do so does not", async () => {
		const bodies = ["@alice, mail to info@peer.lab", "see user@EXAMPLE.LAB", "&#97;lice", "alice@example.lab"];
		const results = await compare(bodies.map((body) => same(`<message><body>${body}</body></message>`)));
		expect(results).toEqual(["same bytes", "same", "same", "same"]);
	});

	test("names that are written otherwise get their address, and come in in their prepared form", async () => {
		const written = ["ALICE@example.lab", "alice@Example.LAB.", "alice&#64;example.lab", "alice@\uff45xample.lab"];
		const results = await compare(
			written.map((jid) => ({
				inside: `<message><x xmlns='jabber:x:delay' from='${jid}/R'/></message>`,
				outside: "<message><x xmlns='jabber:x:delay' from='alice.liddell@mail.lab/R'/></message>",
			})),
		);
		// What comes in is what went out, in its prepared form.
		const prepared = expect.stringMatching(/^coming in: .* from='alice@example\.lab\/R'.* instead of /);
		expect(results).toEqual([prepared, prepared, "same", prepared]);
	});

	test.each([
		["alice@example.lab alice@peer.lab\n", "alice@peer.lab is not of a local domain"],
		["example.lab alice@mail.lab\n", "example.lab is no bare JID"],
		["alice@example.lab alice@mail.lab/x\n", "alice@mail.lab/x is no bare JID"],
		["alice@example.lab\n", "byte 1 does not begin a line USER ADDRESS"],
		["alice@example.lab a@mail.lab\nbob@example.lab b@mail.lab", "byte 30 does not begin a line USER ADDRESS"],
		["a@mail.lab a@mail.lab\na@mail.lab b@mail.lab\n", "a@mail.lab has two addresses: a@mail.lab and b@mail.lab"],
		[
			"a@mail.lab c@mail.lab\nb@mail.lab c@mail.lab\n",
			"c@mail.lab is the address of two users: a@mail.lab and b@mail.lab",
		],
		[
			"a.xmppfed-unmapped@mail.lab a@mail.lab\n",
			"a.xmppfed-unmapped ends with .xmppfed-unmapped, which is kept for names that nobody has",
		],
		[`${"a".repeat(1010)}@mail.lab a@mail.lab\n`, `${"a".repeat(64)}... is too long`],
	])("a mapping that cannot be used is told: %j", async (text, why) => {
		expect(await ask([`MAPPING ${hex(text)}`])).toEqual([why]);
	});

	test("whatever the mapping, all names are what they were when they come back", async () => {
		const cases = fc.sample(randomMappings, scaled(500, 20_000));
		const results = await ask(
			cases.flatMap((pairs) => [`LOCAL ${localDomains.join(" ")}`, mappingLine(pairs), `NAMES ${hex(everyName)}`]),
		);
		expect(
			cases.flatMap((pairs, index) => (results[2 * index + 1] === "same" ? [] : [[pairs, results[2 * index + 1]]])),
		).toEqual([]);
	});

	test(`${total.toLocaleString("en")} random stanzas are renamed where they should be, and come back as they were`, async () => {
		let bytes = 0;
		let changed = 0;
		for (let done = 0; done < total; done += atOnce) {
			const pairs = fc.sample(randomStanzas, atOnce);
			const results = await compare(pairs);
			expect(results.filter((result) => !result.startsWith("same"))).toEqual([]);
			expect(results).toHaveLength(atOnce);
			bytes += results.filter((result) => result === "same bytes").length;
			changed += pairs.filter(({ inside, outside }) => inside !== outside).length;
		}
		expect(bytes).toBeGreaterThan(total / 50);
		expect(changed).toBeGreaterThan(total / 3);
	});
});

const atOnce = 2_500;
const total = scaled(2_500, 120_000);

const hex = (text: string) => Buffer.from(text, "utf8").toString("hex");
const mappingLine = (pairs: readonly (readonly [string, string])[]) =>
	`MAPPING ${hex(pairs.map(([user, address]) => `${user} ${address}\n`).join(""))}`;

const fewNames = ["a", "b", "c", "d", "e"].map((name) => `${name}@mail.lab`);
const everyName = [...fewNames, ...fewNames.map((name) => name.replace("@", ".xmppfed-unmapped@")), "x@peer.lab"].join(
	"\n",
);
const randomMappings = fc
	.tuple(fc.shuffledSubarray(fewNames), fc.shuffledSubarray(fewNames))
	.map(([users, addresses]) =>
		users.slice(0, addresses.length).map((user, place): [string, string] => [user, addresses[place] ?? ""]),
	);

const bareJid = fc.constantFrom(...bareJids);
const resources = fc.constantFrom("", "", "/x", "/alice@example.lab", "/\u00e9 1", "/a&b<'\"");
const jid = fc.tuple(bareJid, resources).map(([bare, resource]) => both(bare, (text) => text + resource));
const address = fc.oneof(
	{ weight: 6, arbitrary: jid },
	fc.constantFrom("example.lab", "peer.lab", "example.lab/a@mail.lab", "", "@", "x").map(same),
);
const uris = fc
	.tuple(bareJid, fc.constantFrom("", "?message;body=x", "/x", "#a@b"))
	.map(([bare, rest]) => both(bare, (text) => uri(text) + rest));
/** What is a JID by its looks and no address. */
const words = fc
	.oneof(
		jid.map(({ inside }) => inside),
		fc.constantFrom("hello", "a@b", "mail alice@example.lab now"),
	)
	.map(same);

/** Written as XML; '@' by its number as well. */
const written = (values: fc.Arbitrary<Pair>) =>
	fc
		.tuple(values, fc.integer({ min: 0, max: 9 }))
		.map(([pair, dice]) => both(pair, (text) => (dice === 0 ? escaped(text).replaceAll("@", "&#64;") : escaped(text))));

const attribute = fc.oneof(
	fc.tuple(fc.constantFrom("by", "from", "initiator", "jid", "publisher", "responder", "to", "with"), written(address)),
	fc.tuple(fc.constant("uri"), written(uris)),
	fc.tuple(fc.constantFrom("node", "nick", "name", "id", "sid", "reason", "href"), written(words)),
);
const attributes = fc
	.uniqueArray(attribute, { selector: ([name]) => name, maxLength: 3 })
	.map((list) => joined(list.flatMap(([name, value]) => [` ${name}="`, value, '"'])));

const textElements = [
	["uri", "http://www.w3.org/2005/Atom", uris],
	["jid", "jabber:iq:gateway", address],
	["uri", "urn:ietf:params:xml:ns:vcard-4.0", uris],
	["gone", "urn:ietf:params:xml:ns:xmpp-stanzas", uris],
	["redirect", "urn:ietf:params:xml:ns:xmpp-stanzas", uris],
	["jid", "urn:xmpp:mix:core:1", address],
	["inviter", "urn:xmpp:mix:misc:0", address],
	["invitee", "urn:xmpp:mix:misc:0", address],
	["old-jid", "urn:xmpp:moved:1", address],
	["new-jid", "urn:xmpp:moved:1", address],
	["JABBERID", "vcard-temp", address],
	["jid", "urn:xmpp:other", words],
	["nick", "urn:xmpp:mix:core:1", words],
	["text", "urn:ietf:params:xml:ns:xmpp-stanzas", words],
	["subject", "jabber:client", words],
] as const;
const textElement = fc.oneof(
	...textElements.map(([name, xmlns, values]) =>
		fc
			.tuple(written(values), fc.constantFrom("", "", "\n  "))
			.map(([text, space]) => joined([`<${name} xmlns='${xmlns}'>`, space, text, space, `</${name}>`])),
	),
);

const field = fc.oneof(
	fc
		.tuple(
			fc.constantFrom(
				"type='jid-single'",
				"var='a' type='jid-multi'",
				"var='muc#jid'",
				"var='with'",
				"var='jid' type='text-single'",
			),
			fc.array(written(address), { maxLength: 2 }),
		)
		.map(([head, values]) =>
			joined([`<field ${head}>`, ...values.flatMap((value) => ["<value>", value, "</value>"]), "</field>"]),
		),
	written(words).map((value) => joined(["<field var='muc#roomconfig_roomname'><value>", value, "</value></field>"])),
);
const form = fc
	.tuple(fc.array(field, { maxLength: 3 }), fc.array(written(address), { maxLength: 2 }), written(words))
	.map(([fields, reported, other]) =>
		joined([
			"<x xmlns='jabber:x:data' type='form'>",
			...fields,
			"<reported><field var='who' type='jid-single'/><field var='what'/></reported>",
			...reported.flatMap((who) => [
				"<item><field var='who'><value>",
				who,
				"</value></field><field var='what'><value>",
				other,
				"</value></field></item>",
			]),
			"</x>",
		]),
	);

/** Elements of protocols that nobody knows, and of some that are known. */
const names = fc.constantFrom("item", "x", "query", "message", "actor", "invite", "delay", "forwarded", "reply");
const namespaces = fc.constantFrom(
	"",
	" xmlns='jabber:client'",
	" xmlns='urn:x'",
	" xmlns='http://jabber.org/protocol/muc#user'",
);
const { element } = fc.letrec<{ element: Pair; content: Pair }>((tie) => ({
	element: fc.oneof(
		{ maxDepth: 3 },
		textElement,
		form,
		// What people write stays, whatever is in it.
		written(words).map((text) => joined(["<body>", text, "</body>"])),
		fc
			.tuple(written(words), written(words))
			.map(([text, value]) =>
				joined([
					"<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p from='",
					value,
					"'>",
					text,
					"</p></body></html>",
				]),
			),
		fc
			.tuple(names, namespaces, attributes, tie("content"))
			.map(([name, xmlns, attrs, content]) => joined([`<${name}${xmlns}`, attrs, ">", content, `</${name}>`])),
	),
	content: fc.array(fc.oneof(tie("element"), written(words)), { maxLength: 2 }).map(joined),
}));
const randomStanzas = fc
	.tuple(fc.constantFrom("message", "presence", "iq"), written(jid), written(jid), fc.array(element, { maxLength: 3 }))
	.map(([name, from, to, children]) =>
		joined([`<${name} id='alice@example.lab' from='`, from, "' to='", to, "'>", ...children, `</${name}>`]),
	);
