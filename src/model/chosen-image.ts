import { z } from "zod";

/** Read by itself and leniently: a status of another version must not restart anything. */
const keptImage = z.object({ effective: z.object({ image: z.string().min(1), imageFrom: z.literal("Operator") }) });

/** The gateway image that an operator chose for a federation, as its status has it; undefined where none did. */
export function chosenImage(status: unknown): string | undefined {
	const parsed = keptImage.safeParse(status);
	return parsed.success ? parsed.data.effective.image : undefined;
}
