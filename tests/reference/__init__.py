"""Reference implementations that tests compare with, fetched and built under build/, never committed."""
