"""Who is calling: identities, tokens, passwords, and the rules of access."""
