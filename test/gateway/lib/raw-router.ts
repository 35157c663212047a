import { openComponent } from "./component.ts";
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
	await openComponent(stream, domain, secret);
	stream.send(`<hello xmlns='${linkNamespace}' node='played'/>`);
	await stream.receive("<hello");
	const pings = setInterval(() => {
		if (stream.closed) clearInterval(pings);
		else stream.send(`<ping xmlns='${linkNamespace}'/>`);
	}, 5_000);
	pings.unref();
	return stream;
}
