import { createHash } from "node:crypto";
import type { RawStream } from "./raw-stream.ts";

/** Makes a stream that of a component of an XMPP server (XEP-0114). */
export async function openComponent(stream: RawStream, domain: string, secret: string): Promise<void> {
	stream.send(
		`<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
	);
	await stream.receive("<stream:stream");
	const id = /<stream:stream[^>]* id=['"]([^'"]*)['"]/.exec(stream.received)?.[1] ?? "";
	stream.send(`<handshake>${createHash("sha1").update(`${id}${secret}`).digest("hex")}</handshake>`);
	await stream.receive("<handshake");
}
