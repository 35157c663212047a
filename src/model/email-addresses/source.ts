/** Where users and their addresses are read from, in one order. */
export interface MappingSource {
	/** Path in the resource. */
	readonly field: string;
	/** Names a place in it for people, such as `ConfigMap people, list line 3`. */
	readonly at: (place: number) => string;
	readonly entries: () => Iterable<MappingEntry>;
	/** Whether what is wrong may be shown: not of a Secret, which may be another one than was meant. */
	readonly isShown: boolean;
}

export type MappingEntry = {
	/** Of a line, or of an entry of a directory. */
	readonly place: number;
} & (
	| { readonly user: string; readonly address: string }
	/** What it should be, and what stands there. */
	| { readonly wrong: string; readonly text: string }
);
