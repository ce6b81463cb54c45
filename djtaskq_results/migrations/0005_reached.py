from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('djtaskq_results', '0004_operations'),
    ]

    operations = [
        migrations.RenameField('operation', 'cursor', 'reached'),
    ]
