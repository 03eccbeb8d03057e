//! Whatever happens on the way: once changes stop, the next run leaves the destination equal to the account.
