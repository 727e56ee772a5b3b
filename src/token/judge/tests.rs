mod exchange;
mod lifetime;
mod table;
