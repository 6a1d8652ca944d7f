output "address" {
  description = "Its host name."
  value       = aws_db_instance.this.address
}

output "admin_url" {
  description = "The URL by which the provision task enters, without the password."
  value       = "postgresql://${aws_db_instance.this.username}@${aws_db_instance.this.address}:5432/postgres?sslmode=require"
}

output "master_secret_arn" {
  description = "The secret that RDS keeps the master's password in."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
