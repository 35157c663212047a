import { z } from "zod";

/** Who chose a gateway image: `spec.image`, or the operator. */
export type ImageSource = "Spec" | "Operator";

/** The image that an operator chose for what a node runs. */
export interface KeptImage {
	readonly image: string;
	/** Revision that the node's Deployment asks for. */
	readonly revision: string;
}

/** What is known of what a node runs. */
interface RunningNode {
	readonly revision: string;
	/** What its Deployment says of who chose the image; undefined with operators that did not write that. */
	readonly imageFrom?: string | undefined;
	/** The intent of the revision, as it was recorded. */
	readonly applied?: unknown;
}

const recordedImage = z.object({ image: z.string().min(1) });
/** Read by itself and leniently: a status of another version must not restart anything. */
const chosenImage = z.object({ effective: z.object({ image: z.string().min(1), imageFrom: z.literal("Operator") }) });
const otherImage = z.object({ effective: z.object({ operatorImage: z.string().min(1) }) });

/**
 * The image that a node keeps while nothing else of it changes; undefined where no operator chose the one that it has.
 *
 * @param status of the XmppFederation, of whatever version of the operator
 */
export function keptImage({ revision, imageFrom, applied }: RunningNode, status: unknown): KeptImage | undefined {
	const told = chosenImage.safeParse(status).data?.effective.image;
	if (imageFrom === undefined ? told === undefined : imageFrom !== "Operator") return undefined;
	const image = recordedImage.safeParse(applied).data?.image ?? told;
	return image === undefined ? undefined : { image, revision };
}

/** The gateway image of the operator itself, as a status tells it; undefined where it does not. */
export function operatorImage(status: unknown): string | undefined {
	return (
		otherImage.safeParse(status).data?.effective.operatorImage ?? chosenImage.safeParse(status).data?.effective.image
	);
}
