import { z } from "zod";

/** The parts of metadata that the operator reads. Others are kept. */
export function metadata<Name extends z.ZodType<string>>(name: Name) {
	return z.looseObject({
		name,
		namespace: z.string().exactOptional(),
		uid: z.string().exactOptional(),
		resourceVersion: z.string().exactOptional(),
		generation: z.int().exactOptional(),
		creationTimestamp: z.string().exactOptional(),
		deletionTimestamp: z.string().exactOptional(),
		labels: z.record(z.string(), z.string()).exactOptional(),
		annotations: z.record(z.string(), z.string()).exactOptional(),
		finalizers: z.array(z.string()).exactOptional(),
	});
}
