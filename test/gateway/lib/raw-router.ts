import { createHash } from "node:crypto";
import type { LinkFiles } from "./link-files.ts";
import { RawStream } from "./raw-stream.ts";

const linkNamespace = "urn:xmppfed:link:0";

/** A test that plays a router: the link for a domain, up. */
export async function playRouter(
	host: string,
	port: number,
	domain: string,
	secret: string,
	files: LinkFiles,
): Promise<RawStream> {
	const stream = await RawStream.connect(host, port, { cert: files.certificate, key: files.key });
	stream.send(
		`<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
	);
	await stream.receive("<stream:stream");
	const id = /<stream:stream[^>]* id=['"]([^'"]*)['"]/.exec(stream.received)?.[1] ?? "";
	stream.send(`<handshake>${createHash("sha1").update(`${id}${secret}`).digest("hex")}</handshake>`);
	await stream.receive("<handshake");
	stream.send(`<hello xmlns='${linkNamespace}' node='played'/>`);
	await stream.receive("<hello");
	const pings = setInterval(() => {
		if (stream.closed) clearInterval(pings);
		else stream.send(`<ping xmlns='${linkNamespace}'/>`);
	}, 5_000);
	pings.unref();
	return stream;
}
