import { escapeHtml } from "./escape.ts";
import type { DiagnosedDomain, DiagnosedFederation } from "./report.ts";

/** Peers that are drawn at most: those that fail first. */
const mostPeers = 24;

/** All in the units of the drawing, which a page scales. */
const size = {
	width: 960,
	margin: 12,
	cluster: { x: 12, width: 560, head: 26, gap: 18 },
	federation: { head: 24, gap: 10 },
	node: { width: 126, height: 38, gap: 8, perRow: 4 },
	peer: { x: 720, width: 228, height: 28, gap: 10 },
} as const;

interface Box {
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
}

/** Clusters with their federations and nodes, the peers beside them, and a line for each that is connected or fails. */
export function pictureOf({ domain, federations }: DiagnosedDomain): string {
	const parts: string[] = [];
	const anchors: { readonly federation: DiagnosedFederation; readonly x: number; readonly y: number }[] = [];
	let y: number = size.margin;
	for (const [cluster, found] of Map.groupBy(federations, (federation) => federation.cluster)) {
		const { x, width, head, gap } = size.cluster;
		const inside: string[] = [];
		let below = y + head;
		for (const federation of found) {
			const box = { x: x + gap / 2, y: below, width: width - gap, height: heightOf(federation) };
			inside.push(federationBox(federation, box));
			anchors.push({ federation, x: box.x + box.width, y: box.y + box.height / 2 });
			below += box.height + size.federation.gap;
		}
		parts.push(
			rectangle("cluster", { x, y, width, height: below - y }),
			text("title", x + 10, y + 18, cluster),
			...inside,
		);
		y = below + gap;
	}
	const peers = peersOf(federations);
	const places = new Map(
		peers.shown.map((peer, index) => [peer, size.margin + index * (size.peer.height + size.peer.gap)]),
	);
	const lines = anchors.flatMap(({ federation, x, y: from }) =>
		(federation.peers ?? []).flatMap(({ peer, connected, failure }) => {
			const place = places.get(peer);
			if (place === undefined) return [];
			const to = place + size.peer.height / 2;
			const middle = (x + size.peer.x) / 2;
			const kind = failure === undefined ? "connected" : connected ? "partly" : "failing";
			const title = `${federation.cluster}: ${peer} ${failure ?? "is connected"}`;
			return [
				`<path class="${kind}" d="M${x} ${from} C${middle} ${from} ${middle} ${to} ${size.peer.x} ${to}"><title>${escapeHtml(title)}</title></path>`,
			];
		}),
	);
	for (const [peer, place] of places) {
		const { x, width, height } = size.peer;
		const kind = federations.some(({ peers: own }) =>
			own?.some((one) => one.peer === peer && one.failure !== undefined),
		)
			? "peer bad"
			: "peer good";
		parts.push(rectangle(kind, { x, y: place, width, height }), text("name", x + 10, place + 19, shortened(peer, 30)));
	}
	const lowest = size.margin + places.size * (size.peer.height + size.peer.gap);
	if (peers.more > 0) parts.push(text("name", size.peer.x + 10, lowest + 16, `and ${peers.more} more`));
	const height = Math.max(y, lowest + 24);
	const label = escapeHtml(`${domain}: clusters, nodes and peers`);
	return `<svg viewBox="0 0 ${size.width} ${height}" role="img" aria-label="${label}">${lines.join("")}${parts.join("")}</svg>`;
}

function heightOf({ nodes }: DiagnosedFederation): number {
	const rows = Math.max(1, Math.ceil(nodes.length / size.node.perRow));
	return size.federation.head + rows * (size.node.height + size.node.gap) + size.node.gap;
}

function federationBox({ namespace, name, nodes, endpoints }: DiagnosedFederation, box: Box): string {
	const where = endpoints.map(({ host, port }) => `${host}:${port}`).join(", ");
	const title = `${namespace}/${name}${where === "" ? "" : ` at ${where}`}`;
	const drawn = nodes.map((node, index) => {
		const { width, height, gap, perRow } = size.node;
		const x = box.x + gap + (index % perRow) * (width + gap);
		const y = box.y + size.federation.head + Math.floor(index / perRow) * (height + gap);
		const kind = !node.ready ? "node bad" : node.state === "Current" ? "node good" : "node late";
		const words = `${node.federation}, ${node.ready ? node.state : "not ready"}`;
		return (
			rectangle(`${kind}${node.federation === "Enabled" ? "" : " inside"}`, { x, y, width, height }) +
			text("name", x + 8, y + 16, shortened(node.name, 16)) +
			text("small", x + 8, y + 31, words)
		);
	});
	return rectangle("federation", box) + text("name", box.x + 8, box.y + 16, shortened(title, 70)) + drawn.join("");
}

function peersOf(federations: readonly DiagnosedFederation[]) {
	const all = federations.flatMap(({ peers = [] }) => peers);
	const failing = new Set(all.flatMap(({ peer, failure }) => (failure === undefined ? [] : [peer])));
	const names = [...new Set([...failing, ...all.map(({ peer }) => peer)])];
	return { shown: names.slice(0, mostPeers), more: Math.max(0, names.length - mostPeers) };
}

function rectangle(kind: string, { x, y, width, height }: Box): string {
	return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="5"/>`;
}

function text(kind: string, x: number, y: number, words: string): string {
	return `<text class="${kind}" x="${x}" y="${y}">${escapeHtml(words)}</text>`;
}

function shortened(words: string, most: number): string {
	return words.length > most ? `${words.slice(0, most - 1)}…` : words;
}
