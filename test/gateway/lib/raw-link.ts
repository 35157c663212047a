import { waitFor } from "../../lib/xmpp/wait.ts";
import type { LinkFiles } from "./link-files.ts";
import { RawListener, type RawStream } from "./raw-stream.ts";

const linkNamespace = "urn:xmppfed:link:0";

/** A test that plays a federation connection manager, which takes every secret. */
export interface PlayedFederation extends Disposable {
	/** The link for a domain, when there is one. */
	link(domain: string): Promise<RawStream>;
}

/** @param files what the gateway's links are secured with */
export async function playFederation(host: string, port: number, files: LinkFiles): Promise<PlayedFederation> {
	const links = new Map<string, RawStream>();
	const tls = { cert: files.certificate, key: files.key };
	const listener = await RawListener.listen(host, port, (stream) => void accept(stream, links), tls);
	return {
		link: async (domain) => await waitFor(`a link for ${domain}`, () => links.get(domain)),
		[Symbol.dispose]: () => listener[Symbol.dispose](),
	};
}

async function accept(stream: RawStream, links: Map<string, RawStream>): Promise<void> {
	await stream.receive("<stream:stream");
	const domain = /to='([^']*)'/.exec(stream.received)?.[1] ?? "";
	stream.send(
		"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>",
	);
	await stream.receive("</handshake>");
	stream.send("<handshake/>");
	await stream.receive("<hello");
	stream.send(`<hello xmlns='${linkNamespace}' node='test'/>`);
	links.set(domain, stream);
}
