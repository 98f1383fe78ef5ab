//! What attackers try, as the corpus has it.
