import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { xmppDomain } from "../../gateway/domain.ts";
import { parseCertificate } from "../../model/pem.ts";
import { certificateView } from "./certificate-view.ts";
import type { Known, ProbeResult } from "./facts.ts";

/** ms for the whole attempt. */
const timeout = 8_000;

/** Bytes; features are a few hundred. */
const longestAnswer = 65_536;

/** ms for the server to see the end. */
const goodbye = 1_000;

const header = (domain: string) =>
	"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " +
	`xmlns:stream='http://etherx.jabber.org/streams' to='${xmppDomain(domain)}' version='1.0'>`;

/**
 * Connects as another server would, up to TLS (RFC 6120 section 5), and ends the stream in order: nothing is verified, and
 * no domain is claimed, so that the gateway has no peer to note a failure of.
 */
export async function probeEndpoint(host: string, port: number, domain: string): Promise<Known<ProbeResult>> {
	const begun = performance.now();
	const socket = connect({ host, port });
	socket.setTimeout(timeout, () => socket.destroy(new Error(`no answer within ${timeout / 1000} s`)));
	const deadline = setTimeout(() => socket.destroy(new Error(`not done within ${timeout / 1000} s`)), timeout);
	try {
		await event(socket, "connect");
		const milliseconds = Math.round(performance.now() - begun);
		socket.write(header(domain));
		const features = await received(socket, /<\/stream:features>|<stream:features\s*\/>|<\/stream:stream>/);
		if (!features.includes("<stream:features")) return { problem: `it ends the stream: ${streamError(features)}` };
		if (!features.includes("urn:ietf:params:xml:ns:xmpp-tls")) return { value: { milliseconds } };
		socket.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		const answer = await received(socket, /<proceed[^>]*>|<failure[^>]*>/);
		if (!answer.includes("<proceed")) return { problem: "it offers TLS and refuses to begin it" };
		const secure = connectTls({ socket, servername: domain, rejectUnauthorized: false });
		await event(secure, "secureConnect");
		const certificate = parseCertificate(secure.getPeerX509Certificate()?.toString());
		secure.resume().end(`${header(domain)}</stream:stream>`);
		await Promise.race([event(secure, "end"), sleep(goodbye)]).catch(() => {});
		return { value: { milliseconds, ...(certificate && { certificate: certificateView(certificate) }) } };
	} catch (error) {
		return { problem: error instanceof Error ? error.message : String(error) };
	} finally {
		clearTimeout(deadline);
		socket.destroy();
	}
}

async function event(socket: Socket, name: "connect" | "secureConnect" | "end"): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		socket.once(name, resolve);
		socket.once("error", reject);
		socket.once("close", () => reject(new Error("the connection was closed")));
	});
}

async function received(socket: Socket, end: RegExp): Promise<string> {
	let text = "";
	return await new Promise<string>((resolve, reject) => {
		const take = (data: Buffer) => {
			text += data.toString("utf8");
			if (text.length > longestAnswer) reject(new Error("what answers is no XMPP server"));
			if (!end.test(text)) return;
			// What follows is the handshake's.
			socket.off("data", take);
			socket.pause();
			resolve(text);
		};
		socket.on("data", take);
		socket.once("error", reject);
		socket.once("close", () => reject(new Error(`the connection was closed${text === "" ? "" : " without features"}`)));
		socket.resume();
	});
}

function streamError(text: string): string {
	return /<stream:error>\s*<([\w-]+)/.exec(text)?.[1] ?? "without a reason";
}
