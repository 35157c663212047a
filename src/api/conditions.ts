import { z } from "zod";
import { text } from "./text.ts";

/** metav1.Condition, with its bounds. */
export const condition = z.object({
	type: text(316, 1).meta({ description: "What the condition is about." }),
	status: z.enum(["True", "False", "Unknown"]).meta({ description: "Whether it holds." }),
	observedGeneration: z
		.int()
		.min(0)
		.meta({ description: "metadata.generation that the condition was found for." })
		.exactOptional(),
	lastTransitionTime: z.string().meta({ description: "When status last changed.", format: "date-time" }),
	reason: text(1024, 1).meta({
		description: "Why, in one word for programs.",
		pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
	}),
	message: text(32_768).meta({ description: "Why and what to do, for people." }),
});

export type Condition = z.infer<typeof condition>;

export const conditions = z
	.array(condition)
	.max(16)
	.meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] });

export const observedGeneration = z
	.int()
	.min(0)
	.meta({ description: "metadata.generation that this status was made for." })
	.exactOptional();
