import project from "../package.json" with { type: "json" };

/** Of everything that is released together: package.json is the one place for it. */
export const { version } = project;
