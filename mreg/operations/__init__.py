"""What can be done with a repository, one module a subject. Each function takes the open repository's
`Context` first; what changes something drafts refs and commits them as one journal entry."""
