import { table } from "../../../src/api/reference.ts";
import type { PlayedCell } from "./matrix.ts";
import { type PeerKind, peerKinds } from "./peer-servers.ts";

/** What a kind of server cannot play, so that no cell of the matrix has it. */
const unplayed: Readonly<Record<PeerKind, readonly string[]>> = {
	prosody: [],
	ejabberd: ["a peer with a certificate that verifies and without SASL EXTERNAL: ejabberd always offers and uses it"],
	jabberd2: ["a peer with SASL EXTERNAL: jabberd2 knows nothing but dialback between servers"],
};

/** Totals of a matrix, in Markdown. */
export function totals(cells: readonly PlayedCell[]): string {
	const rows = peerKinds.flatMap((kind) =>
		(["outgoing", "incoming"] as const).map((direction) => {
			const own = cells.filter((cell) => cell.variant.kind === kind && cell.direction === direction);
			const count = (holds: (cell: PlayedCell) => boolean) => String(own.filter(holds).length);
			return [
				kind,
				direction,
				String(own.length),
				count(({ found, expected }) => found === expected),
				count(({ found, expected }) => found !== expected),
				...(["EXTERNAL", "tls", "plain", "-TLS", "-cert", "-SASL", "-peer"] as const).map((outcome) =>
					count(({ found }) => found === outcome),
				),
			];
		}),
	);
	const head = ["Peer", "Direction", "Cells", "By the law", "Otherwise", "EXTERNAL", "dialback in TLS", "plain"];
	const refused = ["refused: TLS", "refused: certificate", "refused: EXTERNAL", "refused by the peer"];
	const kinds = peerKinds.filter((kind) => cells.some(({ variant }) => variant.kind === kind));
	return [
		table(
			[...head, ...refused],
			rows.filter(([, , all]) => all !== "0"),
		),
		...kinds.flatMap((kind) => unplayed[kind].map((what) => `Not played by ${kind}: ${what}.`)),
	].join("\n\n");
}
